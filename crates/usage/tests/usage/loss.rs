//! What happens without the shared ledger, and by itself.

use std::{num::NonZeroU32, time::Duration};

use nexus_usage::{AtStart, Checkpoints, ErrorKind, Fault, Ledger, Mode, OnLoss, OpenError, Reason, Settings, Usage};

use crate::harness::{ONE, World, amount, at_once, handle, month, requests_in};

/// Two hubs, of which the first has used 40 of 100, and then nobody hears of anybody.
async fn lost(mode: Mode, on_loss: OnLoss) -> (World, Usage, Usage) {
    let world = World::new();
    let open = async || {
        let mut settings = world.settings(None);
        settings.shared.as_mut().unwrap().on_loss = on_loss;
        Usage::open_idle(settings).await.unwrap()
    };
    let (a, b) = (open().await, open().await);
    handle(&a, mode, 100)
        .admit(amount(40, 0, 0))
        .await
        .unwrap()
        .settle(amount(40, 0, 0));
    handle(&b, mode, 100);
    for usage in [&a, &b] {
        usage.flush().await.unwrap();
    }
    world.faults.set(Fault::NotDone);
    for usage in [&a, &b] {
        for _ in 0..3 {
            assert!(usage.flush().await.is_err());
        }
        assert!(usage.status().is_lost);
    }
    (world, a, b)
}

async fn admitted_by(usage: &Usage) -> u64 {
    let handle = usage.handle("a").unwrap();
    let mut admitted = 0;
    while let Ok(reservation) = handle.admit(ONE).await {
        reservation.settle(ONE);
        admitted += 1;
    }
    admitted
}

#[tokio::test]
async fn without_the_shared_ledger_the_policy_says_what_is_admitted() {
    let share = OnLoss::LocalShare(NonZeroU32::new(2).unwrap());
    let rows = [
        (Mode::Approximate, OnLoss::GoOn, [60, 60]),
        (Mode::Exact, OnLoss::GoOn, [60, 60]),
        (Mode::Exact, OnLoss::Refuse, [0, 0]),
        (Mode::Exact, share, [30, 30]),
        (Mode::Lease, OnLoss::GoOn, [60, 60]),
        // What was leased when it was lost may be used up: a twentieth of the limit.
        (Mode::Lease, OnLoss::Refuse, [5, 0]),
        (Mode::Lease, share, [30, 30]),
        (Mode::Ask, OnLoss::Refuse, [0, 0]),
        (Mode::Off, OnLoss::Refuse, [0, 0]),
    ];
    for (mode, on_loss, expected) in rows {
        if mode == Mode::Off {
            let (_world, a, _) = lost(mode, on_loss).await;
            assert!(a.handle("a").unwrap().admit(amount(1000, 0, 0)).await.is_ok());
            continue;
        }
        let (world, a, b) = lost(mode, on_loss).await;
        let admitted = [admitted_by(&a).await, admitted_by(&b).await];
        assert_eq!(admitted, expected, "{mode:?} {on_loss:?}");
        let refusal = a.handle("a").unwrap().admit(ONE).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::Lost);
        world.faults.set(Fault::None);
        for usage in [&a, &b, &a, &b] {
            usage.flush().await.unwrap();
        }
        let used: u64 = world.requests().await.values().sum();
        assert_eq!(
            used,
            40 + admitted[0] + admitted[1],
            "and all of it is known in the end"
        );
        let refusal = a.handle("a").unwrap().admit(amount(61, 0, 0)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::Limit);
    }
}

#[tokio::test]
async fn what_others_use_is_seen_after_a_push_and_a_question() {
    let world = World::new();
    let (a, b) = (world.hub().await, world.hub().await);
    let (on_a, on_b) = (handle(&a, Mode::Exact, 10), handle(&b, Mode::Exact, 10));
    on_a.record(amount(6, 0, 0));
    a.flush().await.unwrap();
    b.flush().await.unwrap();
    assert_eq!(on_b.standing(month("2026-11")).others.api_requests, 6);
    assert!(on_b.admit(amount(5, 0, 0)).await.is_err());
    let four = on_b.admit(amount(4, 0, 0)).await.unwrap();
    four.settle(amount(4, 0, 0));
    b.flush().await.unwrap();
    a.flush().await.unwrap();
    assert!(on_a.admit(ONE).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_task_makes_checkpoints_by_itself() {
    let world = World::new();
    let checkpoints = Checkpoints::in_memory().await.unwrap();
    let usage = Usage::open(world.settings(Some(&checkpoints))).await.unwrap();
    let handle = handle(&usage, Mode::Exact, 10);
    for counted in 1..=3 {
        handle.record(ONE);
        until(async || requests_in(&checkpoints.ledger()).await.values().sum::<u64>() == counted).await;
    }
    until(async || world.requests().await.values().sum::<u64>() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn the_task_pushes_by_itself_and_faster_near_a_limit() {
    let world = World::new();
    let settings = world.settings(None);
    let usage = Usage::open(settings.clone()).await.unwrap();
    let handle = handle(&usage, Mode::Exact, 10);
    handle.record(amount(3, 0, 0));
    until(async || world.requests().await.values().sum::<u64>() == 3).await;
    let pushes = async |millis| {
        let before = usage.status().pushes;
        tokio::time::sleep(Duration::from_millis(millis)).await;
        usage.status().pushes - before
    };
    let slow = pushes(1000).await;
    handle.record(amount(5, 0, 0));
    tokio::time::sleep(settings.push_interval).await;
    let fast = pushes(1000).await;
    handle.set_limits(crate::harness::requests(1000));
    tokio::time::sleep(settings.push_interval).await;
    let slow_again = pushes(1000).await;
    assert_eq!((slow, slow_again), (5, 5));
    assert_eq!(fast, 20);
}

async fn until(holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "it does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_required_ledger_that_cannot_be_reached_is_an_error_and_an_optional_one_is_lost() {
    let world = World::new();
    world.faults.set(Fault::NotDone);
    let mut settings = world.settings(None);
    settings.shared.as_mut().unwrap().at_start = AtStart::Required;
    let error = Usage::open_idle(settings).await.unwrap_err();
    assert!(matches!(error, OpenError::SharedLedger(error) if error.kind() == ErrorKind::Unavailable));
    let usage = world.hub().await;
    assert!(usage.status().is_lost);
    world.faults.set(Fault::None);
    usage.flush().await.unwrap();
    assert!(!usage.status().is_lost);
}

#[tokio::test]
async fn a_close_pushes_the_rest_once_and_says_what_it_could_not_push() {
    let world = World::new();
    let checkpoints = Checkpoints::in_memory().await.unwrap();
    let usage = Usage::open(world.settings(Some(&checkpoints))).await.unwrap();
    let on_a = handle(&usage, Mode::Lease, 100);
    world.faults.set(Fault::NotDone);
    on_a.record(amount(7, 0, 0));
    let closed = usage.close(Duration::from_millis(100)).await;
    assert_eq!(
        closed
            .unpushed
            .iter()
            .map(|cell| cell.totals.used())
            .collect::<Vec<_>>(),
        [amount(7, 0, 0)]
    );
    assert!(!closed.checkpoint_failed);
    world.faults.set(Fault::None);
    assert_eq!(
        usage.close(Duration::from_secs(9)).await,
        closed,
        "a second call answers as the first"
    );
    assert!(world.requests().await.is_empty());
    let next = world.hub_with(&checkpoints).await;
    assert_eq!(
        world.requests().await.values().sum::<u64>(),
        7,
        "the next process pushes it"
    );
    assert!(next.status().crashed.is_empty(), "it ended cleanly");
    let second = handle(&next, Mode::Exact, 8);
    assert!(
        at_once(second.admit(amount(2, 0, 0))).unwrap().is_err(),
        "and it counts from the start"
    );
    assert_eq!(next.close(Duration::from_secs(1)).await.unpushed, []);
}

#[tokio::test]
async fn alone_with_its_file_a_process_knows_what_those_before_it_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("usage.db");
    for before in [0, 3, 6, 9] {
        let checkpoints = Checkpoints::open(&path).await.unwrap();
        let settings = Settings {
            checkpoints: Some(checkpoints.clone()),
            ..World::new().settings(None)
        };
        let usage = Usage::open(Settings {
            shared: None,
            ..settings
        })
        .await
        .unwrap();
        let handle = handle(&usage, Mode::Exact, 10);
        assert_eq!(handle.standing(month("2026-11")).others.api_requests, before);
        let admitted = handle.admit(amount(3, 0, 0)).await;
        assert_eq!(admitted.is_ok(), before < 9);
        if let Ok(reservation) = admitted {
            reservation.settle(amount(3, 0, 0));
        }
        assert_eq!(
            requests_in(&usage.ledger().unwrap()).await.values().sum::<u64>(),
            before
        );
        usage.close(Duration::from_secs(1)).await;
        checkpoints.ledger().close().await;
    }
    let foreign = directory.path().join("foreign.db");
    std::fs::write(
        &foreign,
        "this is no database, and long enough that it could be taken for one by its length: ".repeat(9),
    )
    .unwrap();
    assert_eq!(Ledger::sqlite(&foreign).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let missing = Ledger::sqlite(directory.path().join("no/such/directory.db"))
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Refused);
    assert!(missing.to_string().contains("directory.db"), "{missing}");
}
