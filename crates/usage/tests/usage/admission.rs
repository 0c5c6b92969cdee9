//! What may be used, on one hub, and what a caller may do with names.

use std::{collections::HashMap, num::NonZeroU32};

use nexus_usage::{
    Amount, Field, Limits, Milestone, Mode, OpenError, RegisterError, Settings, SettingsMistake, Totals, Usage,
};

use crate::harness::{ONE, World, amount, at_once, handle, month, requests, subject};

#[tokio::test]
async fn to_reach_a_limit_is_allowed_and_one_more_is_refused() {
    let limits = Limits {
        api_requests: 10,
        egress_bytes: 100,
        ingress_bytes: 0,
    };
    let rows = [
        (amount(9, 0, 0), amount(1, 0, 0), None),
        (amount(10, 0, 0), amount(0, 0, 0), None),
        (amount(10, 0, 0), amount(1, 0, 0), Some(Field::ApiRequests)),
        (amount(11, 0, 0), amount(0, 0, 0), Some(Field::ApiRequests)),
        (amount(0, 99, 0), amount(1, 1, 0), None),
        (amount(0, 99, 0), amount(1, 2, 0), Some(Field::EgressBytes)),
        (amount(10, 100, 0), amount(1, 1, 0), Some(Field::ApiRequests)),
        (amount(0, 0, u64::MAX), amount(1, 1, u64::MAX), None),
        (amount(u64::MAX, 0, 0), amount(0, 0, 0), Some(Field::ApiRequests)),
        (amount(0, 0, 0), amount(u64::MAX, 0, 0), Some(Field::ApiRequests)),
        (amount(0, 0, 0), amount(0, u64::MAX, 0), Some(Field::EgressBytes)),
    ];
    for mode in [Mode::Off, Mode::Observe, Mode::Approximate, Mode::Exact] {
        for (used, proposed, expected) in rows {
            let usage = World::new().hub().await;
            let handle = usage.register(&subject("a"), mode, limits).unwrap();
            handle.record(used);
            let refused = handle.admit(proposed).await.map_err(|refusal| refusal.field).err();
            let strict = matches!(mode, Mode::Approximate | Mode::Exact);
            assert_eq!(
                refused,
                expected.filter(|_| strict),
                "{mode:?}: {proposed:?} beside {used:?}"
            );
            let once = |field: Option<Field>| field.map_or(Amount::ZERO, |field| Amount::of(field, 1));
            assert_eq!(handle.refused(), once(refused), "counted apart");
            assert_eq!(handle.observed(), once(expected.filter(|_| mode == Mode::Observe)));
            assert_eq!(
                handle.totals(month("2026-11")).used(),
                used.min(amount(Totals::VALUE_MAX, u64::MAX, Totals::VALUE_MAX))
            );
        }
    }
}

#[tokio::test]
async fn zero_is_unlimited_and_exempt_is_always() {
    let usage = World::new().hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    handle.record(amount(1 << 52, 1 << 52, 1 << 52));
    assert!(handle.admit(amount(1, 1, 1)).await.is_ok());
    handle.set_limits(requests(1));
    assert!(handle.admit(ONE).await.is_err());
    handle.exempt().settle(ONE);
    assert_eq!(
        handle.totals(month("2026-11")).added.api_requests,
        (1 << 52) + 1,
        "exempt is counted all the same"
    );
}

#[tokio::test]
async fn what_is_admitted_is_reserved_until_it_is_settled_or_dropped() {
    let usage = World::new().hub().await;
    let limits = Limits {
        egress_bytes: 100,
        ..Limits::UNLIMITED
    };
    let handle = usage.register(&subject("a"), Mode::Exact, limits).unwrap();
    let first = handle.admit(amount(1, 60, 0)).await.unwrap();
    assert!(handle.admit(amount(1, 60, 0)).await.is_err());
    drop(first);
    let second = handle.admit(amount(1, 60, 0)).await.unwrap();
    second.settle(amount(1, 10, 5));
    let third = handle.admit(amount(1, 90, 0)).await.unwrap();
    assert_eq!(handle.standing(month("2026-11")).left(Field::EgressBytes), Some(0));
    drop(third);
    assert_eq!(handle.totals(month("2026-11")).used(), amount(1, 10, 5));
    assert_eq!(handle.standing(month("2026-11")).left(Field::EgressBytes), Some(90));
    assert_eq!(handle.standing(month("2026-11")).left(Field::ApiRequests), None);
}

#[tokio::test]
async fn what_grows_under_way_goes_beyond_the_limit_by_the_named_overrun_and_no_further() {
    let world = World::new();
    let settings = Settings {
        overrun_bytes_max: 50,
        ..world.settings(None)
    };
    let usage = Usage::open_idle(settings).await.unwrap();
    let limits = Limits {
        egress_bytes: 100,
        ..Limits::UNLIMITED
    };
    let handle = usage.register(&subject("a"), Mode::Exact, limits).unwrap();
    let mut under_way = vec![
        handle.admit(amount(1, 10, 0)).await.unwrap(),
        handle.admit(amount(1, 10, 0)).await.unwrap(),
    ];
    let mut extended = 0;
    while under_way
        .iter_mut()
        .any(|reservation| reservation.extend(amount(0, 7, 0)).is_ok())
    {
        extended += 1;
    }
    assert_eq!(extended, (150 - 20) / 7);
    assert!(handle.admit(ONE).await.is_err(), "nothing begins beyond the limit");
    for reservation in under_way {
        let reserved = reservation.reserved();
        reservation.settle(reserved);
    }
    let used = handle.totals(month("2026-11")).used().egress_bytes;
    assert!((100..=150).contains(&used), "{used}");
}

#[tokio::test]
async fn limits_change_under_load() {
    let usage = World::new().hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let handle = handle.clone();
            std::thread::spawn(move || {
                for _ in 0..5000 {
                    if let Some(Ok(reservation)) = at_once(handle.admit(ONE)) {
                        reservation.settle(ONE);
                    }
                }
            })
        })
        .collect();
    for limit in [1, 0, 100, 0, 1_000_000, 20_000] {
        handle.set_limits(requests(limit));
        assert_eq!(handle.limits(), requests(limit));
    }
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert!(handle.standing(month("2026-11")).own.api_requests <= 20_000);
    assert_eq!(handle.standing(month("2026-11")).reserved, Amount::ZERO);
}

#[tokio::test]
async fn every_operation_of_names_knows_what_it_does_not_know() {
    let usage = World::new().hub().await;
    handle(&usage, Mode::Exact, 5);
    let known = [
        usage.add("a", Field::ApiRequests, 3).is_ok(),
        usage.add("a", Field::ApiRequests, -1).is_ok(),
        usage.add("a", Field::IngressBytes, -7).is_ok(),
        usage.add("a", Field::EgressBytes, 0).is_ok(),
        usage.add_all("a", amount(1, 2, 3)).is_ok(),
        usage.add_all("a", Amount::ZERO).is_ok(),
    ];
    assert_eq!(known, [true; 6]);
    let net = Field::ALL.map(|field| usage.load("a", field).unwrap());
    assert_eq!(net, [3, 2, -4]);
    assert_eq!(usage.load_all("a").unwrap().used(), amount(3, 2, 0));
    let unknown = [
        usage.add("b", Field::ApiRequests, 1).is_err(),
        usage.add_all("b", ONE).is_err(),
        usage.load("b", Field::ApiRequests).is_err(),
        usage.load_all("b").is_err(),
        usage.handle("b").is_err(),
        usage.remove("b").is_err(),
        usage.within_limits(&["a", "b"], ONE).is_err(),
        usage.admit_by_first(&["a", "b"], ONE).await.is_err(),
        usage
            .set_limits(&HashMap::from([
                (subject("a"), requests(9)),
                (subject("b"), requests(9)),
            ]))
            .is_err(),
    ];
    assert_eq!(unknown, [true; 9]);
    assert_eq!(usage.limits(), [(subject("a"), requests(5))].into(), "none was set");
    usage.set_limits(&HashMap::from([(subject("a"), requests(9))])).unwrap();
    assert_eq!(usage.limits(), [(subject("a"), requests(9))].into());
}

#[tokio::test]
async fn subjects_within_their_limits_come_in_the_given_order() {
    let usage = World::new().hub().await;
    for (name, limit) in [("a", 1), ("b", 2), ("c", 0)] {
        usage.register(&subject(name), Mode::Exact, requests(limit)).unwrap();
    }
    let within = |names: &[&str]| -> Vec<String> {
        let handles = usage.within_limits(names, ONE).unwrap();
        handles.iter().map(|handle| handle.subject().to_string()).collect()
    };
    assert_eq!(within(&["c", "a", "b"]), ["c", "a", "b"]);
    usage.add_all("a", ONE).unwrap();
    assert_eq!(within(&["b", "a", "c"]), ["b", "c"]);
    let first = usage
        .admit_by_first(&["a", "b"], amount(2, 0, 0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.handle().subject(), &subject("b"));
    let refusals = usage.admit_by_first(&["a", "b"], ONE).await.unwrap().unwrap_err();
    assert_eq!(refusals.len(), 2);
}

#[tokio::test]
async fn a_reading_tells_what_was_added_since_and_resets_nothing() {
    let usage = World::new().hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    let empty = usage.read();
    handle.record(amount(1, 10, 0));
    let first = usage.read();
    handle.record(amount(2, 0, 7));
    let second = usage.read();
    let of = |reading: &nexus_usage::Reading| reading.get(&subject("a"), month("2026-11")).used();
    assert_eq!(of(&first.since(&empty)), amount(1, 10, 0));
    assert_eq!(of(&second.since(&first)), amount(2, 0, 7));
    assert_eq!(
        of(&second.since(&empty)),
        amount(3, 10, 7),
        "another reader is not disturbed"
    );
    assert_eq!(usage.read().since(&second).iter().count(), 0);
}

#[tokio::test]
async fn milestones_are_told_once_also_over_a_restart() {
    let world = World::new();
    let checkpoints = nexus_usage::Checkpoints::in_memory().await.unwrap();
    let usage = world.hub_with(&checkpoints).await;
    let mut reached = usage.reached();
    let handle = handle(&usage, Mode::Approximate, 10);
    let mut told = Vec::new();
    for _ in 0..12 {
        handle.record(ONE);
        usage.checkpoint().await.unwrap();
        while let Ok(reached) = reached.try_recv() {
            told.push((reached.used, reached.milestone));
        }
    }
    assert_eq!(
        told,
        [(5, Milestone::Half), (8, Milestone::FourFifths), (10, Milestone::All)]
    );
    assert_eq!(handle.milestones(month("2026-11")).len(), 3);
    usage.crash().await;
    let usage = world.hub_with(&checkpoints).await;
    let mut reached = usage.reached();
    let handle = crate::harness::handle(&usage, Mode::Approximate, 10);
    handle.record(ONE);
    usage.flush().await.unwrap();
    assert!(reached.try_recv().is_err(), "told before the restart");
    assert_eq!(handle.milestones(month("2026-11")).len(), 3, "and still to be read");
    world.clock.set("2026-12-01T00:00:00Z");
    handle.record(amount(5, 0, 0));
    usage.flush().await.unwrap();
    assert_eq!(
        reached.try_recv().unwrap().period,
        month("2026-12"),
        "another month, another time"
    );
}

#[tokio::test]
async fn near_a_limit_is_known_and_known_to_be_over() {
    let usage = World::new().hub().await;
    let handle = handle(&usage, Mode::Approximate, 10);
    for (used, near) in [(7, false), (8, true), (12, true)] {
        handle.record(Amount::of(
            Field::ApiRequests,
            used - handle.standing(month("2026-11")).own.api_requests,
        ));
        assert_eq!(
            (handle.is_near_limit(month("2026-11")), usage.is_any_near_limit()),
            (near, near),
            "{used}"
        );
    }
    handle.set_limits(requests(100));
    assert!(!usage.is_any_near_limit());
}

#[tokio::test]
async fn settings_and_registrations_that_cannot_be_are_refused() {
    let settings = Settings {
        near_percent: 100,
        push_interval: std::time::Duration::ZERO,
        ..Settings::default()
    };
    let Err(OpenError::Settings(mistakes)) = Usage::open_idle(settings).await else {
        panic!("it was opened")
    };
    let expected = [
        SettingsMistake::Zero { name: "push_interval" },
        SettingsMistake::FastIsSlower,
        SettingsMistake::Percent {
            name: "near_percent",
            percent: 100,
        },
    ];
    assert_eq!(mistakes, expected, "all of them");
    let usage = Usage::open_idle(Settings {
        subjects_max: 1,
        ..Settings::default()
    })
    .await
    .unwrap();
    let handle = handle(&usage, Mode::Exact, 1);
    handle.record(ONE);
    let other = usage.register(&subject("a"), Mode::Off, requests(1));
    assert!(matches!(other, Err(RegisterError::OtherMode { mode: Mode::Exact, .. })));
    let more = usage.register(&subject("b"), Mode::Exact, requests(1));
    assert!(matches!(more, Err(RegisterError::TooMany { subjects_max: 1 })));
    usage.remove("a").unwrap();
    assert!(usage.handle("a").is_err());
    let again = usage.register(&subject("a"), Mode::Exact, requests(1)).unwrap();
    assert_eq!(
        again.standing(usage.current_period()).own.api_requests,
        1,
        "it counts on"
    );
    assert_eq!(NonZeroU32::MIN.saturating_add(2), Settings::default().failures_max);
}
