//! Sixteen ways in which counters that are swapped and added back lose or repeat what they count. One test each.

use std::{collections::HashSet, time::Duration};

use nexus_usage::{Checkpoints, Fault, Mode, Settings, Usage};

use crate::harness::{ONE, World, amount, at_once, handle, month, requests, subject};

fn november(requests: u64) -> std::collections::BTreeMap<String, u64> {
    [("2026-11 a".into(), requests)].into()
}

#[tokio::test]
async fn defect_01_a_crash_between_taking_and_storing_loses_nothing() {
    for fault in [Fault::NotDone, Fault::AnswerLost] {
        let world = World::new();
        let checkpoints = Checkpoints::in_memory().await.unwrap();
        let usage = world.hub_with(&checkpoints).await;
        handle(&usage, Mode::Exact, 0).record(amount(7, 0, 0));
        world.faults.set(fault);
        assert!(usage.flush().await.is_err());
        usage.crash().await;
        world.faults.set(Fault::None);
        let usage = world.hub_with(&checkpoints).await;
        assert_eq!(world.requests().await, november(7), "{fault:?}");
        assert_eq!(usage.status().crashed.len(), 1);
    }
}

#[tokio::test]
async fn defect_02_an_answer_lost_after_the_commit_counts_nothing_twice() {
    let world = World::new();
    let usage = world.hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    world.faults.set(Fault::AnswerLost);
    for _ in 0..5 {
        handle.record(ONE);
        assert!(usage.flush().await.is_err());
    }
    world.faults.set(Fault::None);
    usage.flush().await.unwrap();
    assert_eq!(world.requests().await, november(5));
}

#[tokio::test(start_paused = true)]
async fn defect_03_pushes_that_time_out_or_are_half_applied_count_nothing_twice() {
    for fault in [Fault::Hangs, Fault::HalfDone] {
        let world = World::new();
        let usage = world.hub().await;
        for name in ["a", "b", "c", "d"] {
            usage
                .register(&subject(name), Mode::Exact, requests(0))
                .unwrap()
                .record(ONE);
        }
        world.faults.set(fault);
        assert!(usage.flush().await.is_err(), "{fault:?} is an error, in time");
        world.faults.set(Fault::None);
        usage.flush().await.unwrap();
        let all: u64 = world.requests().await.values().sum();
        assert_eq!(all, 4, "{fault:?}");
    }
}

#[tokio::test]
async fn defect_04_what_is_counted_while_few_operations_fail_is_seen_by_limits_and_survives_a_restart() {
    let world = World::new();
    let checkpoints = Checkpoints::in_memory().await.unwrap();
    let usage = world.hub_with(&checkpoints).await;
    let first = handle(&usage, Mode::Approximate, 3);
    world.faults.set(Fault::NotDone);
    first.record(amount(3, 0, 0));
    assert!(usage.flush().await.is_err());
    assert!(!usage.status().is_lost, "one failure is below the threshold");
    assert!(first.admit(ONE).await.is_err(), "limits see it");
    usage.crash().await;
    let usage = world.hub_with(&checkpoints).await;
    let second = handle(&usage, Mode::Approximate, 3);
    assert!(
        second.admit(ONE).await.is_err(),
        "also after a restart without the shared ledger"
    );
    world.faults.set(Fault::None);
    usage.flush().await.unwrap();
    assert_eq!(world.requests().await, november(3));
}

#[tokio::test]
async fn defect_05_what_is_counted_during_the_recovery_is_not_stranded() {
    counted_by_threads_while(async |world, usage| {
        world.faults.set(Fault::NotDone);
        let _ = usage.flush().await;
        world.faults.set(Fault::None);
        usage.flush().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn defect_06_whoever_counts_is_never_left_with_something_that_was_swapped_away() {
    counted_by_threads_while(async |_, usage| {
        usage.flush().await.unwrap();
        usage.set_limits(&[(subject("a"), requests(1 << 40))].into()).unwrap();
        let _ = usage.read();
    })
    .await;
}

/// Threads count, and are not waited for, while this is done again and again; in the end all that they counted is there.
async fn counted_by_threads_while(done: impl AsyncFn(&World, &Usage)) {
    /// More than have a place of their own to count in, and so some that share one.
    const THREADS: u64 = 100;
    const EACH: u64 = 1000;
    let world = World::new();
    let usage = world.hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let handle = handle.clone();
            std::thread::spawn(move || (0..EACH).for_each(|_| handle.record(ONE)))
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        done(&world, &usage).await;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    usage.flush().await.unwrap();
    assert_eq!(world.requests().await, november(THREADS * EACH));
}

#[tokio::test]
async fn defect_07_idle_subjects_create_nothing_and_everything_has_an_end() {
    let world = World::new();
    let usage = world.hub().await;
    let idle = handle(&usage, Mode::Lease, 10);
    let _ = (
        idle.totals(month("2026-11")),
        idle.standing(month("2026-11")),
        usage.read(),
    );
    usage.flush().await.unwrap();
    usage.flush().await.unwrap();
    assert!(world.requests().await.is_empty());
    // Stores that forget by themselves are told when; from the name of the period alone.
    let kept = nexus_usage::Ledger::kept_until(month("2026-11"));
    assert!(
        kept > crate::harness::moment("2027-01-05T00:00:00Z") && kept < crate::harness::moment("2027-03-15T00:00:00Z")
    );
}

#[tokio::test]
async fn defect_08_the_breaker_closes_by_itself_and_is_as_tolerant_as_before() {
    let world = World::new();
    let usage = world.hub().await;
    handle(&usage, Mode::Exact, 10);
    for _ in 0..3 {
        world.faults.set(Fault::NotDone);
        for failures in 1..=4 {
            assert!(usage.flush().await.is_err());
            assert_eq!(usage.status().is_lost, failures >= 3, "after {failures}");
        }
        world.faults.set(Fault::None);
        usage.flush().await.unwrap();
        assert!(!usage.status().is_lost);
    }
    assert_eq!(usage.status().losses, 3);
}

#[tokio::test]
async fn defect_09_the_tail_of_a_month_is_not_stranded_and_not_billed_to_the_next() {
    let world = World::new();
    world.clock.set("2026-11-30T23:59:59.900Z");
    let usage = world.hub().await;
    let handle = handle(&usage, Mode::Exact, 0);
    handle.record(amount(1, 2, 3));
    world.clock.set("2026-12-01T00:00:00.100Z");
    handle.record(amount(10, 20, 30));
    usage.flush().await.unwrap();
    let rows = world.ledger.report(month("2026-11"), month("2026-12")).await.unwrap();
    let used: Vec<_> = rows.iter().map(|row| row.totals.used()).collect();
    assert_eq!(used, [amount(1, 2, 3), amount(10, 20, 30)]);
}

#[tokio::test]
async fn defect_10_the_view_of_another_hub_never_goes_down() {
    let world = World::new();
    let (a, b) = (world.hub().await, world.hub().await);
    let (on_a, on_b) = (handle(&a, Mode::Approximate, 1000), handle(&b, Mode::Approximate, 1000));
    let mut before = 0;
    for round in 0..60_u64 {
        on_a.record(ONE);
        on_b.record(ONE);
        match round % 5 {
            0 | 3 => a.flush().await.unwrap(),
            1 => world.ledger.wipe(),
            2 => b.flush().await.unwrap(),
            _ => {}
        }
        let seen = on_b.standing(month("2026-11")).used().api_requests;
        assert!(seen > before, "{seen} after {before}, in round {round}");
        before = seen;
    }
    a.flush().await.unwrap();
    b.flush().await.unwrap();
    assert_eq!(
        on_b.standing(month("2026-11")).used().api_requests,
        120,
        "within a push and a question"
    );
}

#[tokio::test]
async fn defect_11_losing_the_shared_ledger_hides_nothing_that_was_known() {
    let world = World::new();
    let (a, b) = (world.hub().await, world.hub().await);
    handle(&a, Mode::Exact, 10).record(amount(6, 0, 0));
    let on_b = handle(&b, Mode::Exact, 10);
    on_b.record(amount(4, 0, 0));
    a.flush().await.unwrap();
    b.flush().await.unwrap();
    world.faults.set(Fault::NotDone);
    for _ in 0..3 {
        assert!(b.flush().await.is_err());
        assert!(on_b.admit(ONE).await.is_err());
    }
    assert!(b.status().is_lost);
    assert!(on_b.admit(ONE).await.is_err());
}

#[tokio::test]
async fn defect_12_a_ledger_that_lost_everything_has_it_back_with_the_next_push() {
    let world = World::new();
    let checkpoints = Checkpoints::in_memory().await.unwrap();
    let before = world.hub_with(&checkpoints).await;
    handle(&before, Mode::Exact, 0).record(amount(5, 0, 0));
    assert_eq!(before.close(Duration::from_secs(1)).await.unpushed, []);
    let usage = world.hub_with(&checkpoints).await;
    let on_a = handle(&usage, Mode::Exact, 0);
    on_a.record(amount(2, 0, 0));
    usage.flush().await.unwrap();
    world.ledger.wipe();
    usage.flush().await.unwrap();
    assert_eq!(
        world.requests().await,
        november(7),
        "also what the process before had counted"
    );
    assert_eq!(usage.status().wipes_healed, 1);
    // And if it is wiped while nobody is there, or before anything was pushed.
    usage.crash().await;
    world.ledger.wipe();
    let usage = world.hub_with(&checkpoints).await;
    usage.flush().await.unwrap();
    assert_eq!(world.requests().await, november(7));
}

#[tokio::test]
async fn defect_13_limits_see_as_much_during_an_outage_as_before() {
    let world = World::new();
    let usage = world.hub().await;
    let handle = handle(&usage, Mode::Approximate, 10);
    handle.record(amount(9, 0, 0));
    for fault in [
        Fault::None,
        Fault::NotDone,
        Fault::AnswerLost,
        Fault::NotDone,
        Fault::None,
    ] {
        world.faults.set(fault);
        let _ = usage.flush().await;
        assert_eq!(handle.standing(month("2026-11")).used().api_requests, 9, "{fault:?}");
        assert!(handle.admit(amount(2, 0, 0)).await.is_err());
        assert!(handle.admit(ONE).await.is_ok());
    }
}

#[tokio::test]
async fn defect_14_a_black_hole_in_place_of_the_ledger_holds_up_no_request() {
    let world = World::new();
    world.faults.set(Fault::Hangs);
    let settings = Settings {
        operation_timeout: Duration::from_millis(50),
        ..world.settings(None)
    };
    let usage = Usage::open(settings).await.unwrap();
    for mode in [Mode::Off, Mode::Observe, Mode::Approximate, Mode::Exact] {
        let handle = usage
            .register(&subject(&format!("{mode:?}")), mode, requests(10))
            .unwrap();
        for _ in 0..10 {
            let reservation = at_once(handle.admit(ONE)).expect("it waits for nobody").unwrap();
            reservation.settle(ONE);
        }
    }
}

#[tokio::test]
async fn defect_15_what_a_drained_subject_had_used_is_kept() {
    let world = World::new();
    let usage = world.hub().await;
    handle(&usage, Mode::Exact, 0).record(ONE);
    usage.hold_back(HashSet::from([subject("a")]));
    usage.flush().await.unwrap();
    assert!(world.requests().await.is_empty(), "held back");
    usage.remove("a").unwrap();
    usage.hold_back(HashSet::new());
    usage.flush().await.unwrap();
    assert_eq!(world.requests().await, november(1), "and pushed, though it was removed");
}

#[tokio::test]
async fn defect_16_check_and_act_are_one_step() {
    const LIMIT: u64 = 1000;
    let usage = World::new().hub().await;
    let handle = handle(&usage, Mode::Exact, LIMIT);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let handle = handle.clone();
            std::thread::spawn(move || {
                let mut admitted = 0;
                while let Some(Ok(reservation)) = at_once(handle.admit(ONE)) {
                    reservation.settle(ONE);
                    admitted += 1;
                }
                admitted
            })
        })
        .collect();
    let admitted: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(admitted, LIMIT);
    assert_eq!(handle.totals(month("2026-11")).used().api_requests, LIMIT);
}
