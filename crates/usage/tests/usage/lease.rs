//! Limits that hold exactly for all processes together.

use std::time::Duration;

use nexus_usage::{AtStart, Fault, Ledger, Mode, OnLoss, Reason, Settings, SharedLedger, Usage};

use crate::harness::{ONE, World, amount, at_once, handle, month, requests, requests_in, subject};

const INSTANCES: usize = 8;
const TASKS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_instances_with_eight_tasks_each_admit_exactly_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [Mode::Lease, Mode::Ask] {
        for limit in [1, 63, 1000] {
            let memory = Ledger::memory();
            admit_exactly(mode, limit, async || memory.clone()).await;
        }
        let path = directory.path().join(format!("{mode:?}.db"));
        admit_exactly(mode, 150, async || Ledger::sqlite(&path).await.unwrap()).await;
    }
}

/// Each task admits until it is refused.
async fn admit_exactly(mode: Mode, limit: u64, ledger: impl AsyncFn() -> Ledger) {
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        let shared = SharedLedger {
            ledger: ledger().await,
            at_start: AtStart::Required,
            on_loss: OnLoss::Refuse,
        };
        instances.push(
            Usage::open(Settings {
                shared: Some(shared),
                ..Settings::default()
            })
            .await
            .unwrap(),
        );
    }
    let tasks: Vec<_> = instances
        .iter()
        .flat_map(|usage| std::iter::repeat_n(handle(usage, mode, limit), TASKS))
        .map(|handle| {
            tokio::spawn(async move {
                let mut admitted = 0;
                while let Ok(reservation) = handle.admit(ONE).await {
                    tokio::task::yield_now().await;
                    reservation.settle(ONE);
                    admitted += 1;
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.unwrap();
    }
    assert_eq!(admitted, limit, "{mode:?}");
    for usage in &instances {
        assert!(usage.close(Duration::from_secs(10)).await.unpushed.is_empty());
    }
    let used: u64 = requests_in(&ledger().await).await.values().sum();
    assert_eq!(used, limit, "{mode:?}");
}

#[tokio::test]
async fn what_a_closed_process_had_leased_and_not_used_is_for_the_others() {
    let world = World::new();
    let (a, b) = (world.hub().await, world.hub().await);
    let (on_a, on_b) = (handle(&a, Mode::Lease, 100), handle(&b, Mode::Lease, 100));
    on_a.admit(amount(90, 0, 0)).await.unwrap().settle(amount(30, 0, 0));
    assert!(on_b.admit(amount(20, 0, 0)).await.is_err(), "held by the other one");
    a.close(Duration::from_secs(1)).await;
    on_b.admit(amount(70, 0, 0)).await.unwrap_err();
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(201)).await;
    on_b.admit(amount(70, 0, 0)).await.unwrap().settle(amount(70, 0, 0));
    assert!(on_b.admit(ONE).await.is_err());
}

#[tokio::test]
async fn a_lease_is_used_without_asking_and_not_after_its_time() {
    let world = World::new();
    let usage = world.hub().await;
    let handle = handle(&usage, Mode::Lease, 1000);
    handle.admit(ONE).await.unwrap().settle(ONE);
    let room = handle.clone();
    let at_most = (0..100)
        .take_while(|_| matches!(at_once(room.admit(ONE)), Some(Ok(_))))
        .count();
    assert!(at_most >= 49, "five percent are leased at once: {at_most}");
    world.clock.set("2026-11-15T12:00:40Z");
    world.faults.set(Fault::NotDone);
    let refusal = handle.admit(ONE).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Lost, "a lease that has run out is none");
    world.faults.set(Fault::Hangs);
    assert!(
        at_once(handle.admit(ONE)).unwrap().is_err(),
        "who comes soon after does not wait for the same answer"
    );
    world.faults.set(Fault::None);
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(201)).await;
    handle.admit(ONE).await.unwrap().settle(ONE);
}

#[tokio::test]
async fn a_lease_that_nobody_uses_runs_out_for_the_others_as_well() {
    let world = World::new();
    let (a, b) = (world.hub().await, world.hub().await);
    let (on_a, on_b) = (handle(&a, Mode::Lease, 100), handle(&b, Mode::Lease, 100));
    on_a.admit(amount(100, 0, 0)).await.unwrap().settle(amount(10, 0, 0));
    a.flush().await.unwrap();
    assert!(on_b.admit(ONE).await.is_err());
    world.clock.set("2026-11-15T12:00:31Z");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    on_b.admit(amount(90, 0, 0)).await.unwrap().settle(amount(90, 0, 0));
    b.flush().await.unwrap();
    a.flush().await.unwrap();
    assert!(on_a.admit(ONE).await.is_err());
    assert_eq!(on_a.standing(month("2026-11")).used().api_requests, 100);
}

#[tokio::test]
async fn without_a_shared_ledger_a_lease_is_exact_on_one_hub() {
    let usage = Usage::open_idle(Settings::default()).await.unwrap();
    for mode in [Mode::Lease, Mode::Ask] {
        let handle = usage
            .register(&subject(&format!("{mode:?}")), mode, requests(2))
            .unwrap();
        for _ in 0..2 {
            at_once(handle.admit(ONE)).unwrap().unwrap().settle(ONE);
        }
        assert!(handle.admit(ONE).await.is_err());
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_while_the_ledger_is_lost_is_none() {
    let world = World::new();
    let mut settings = world.settings(None);
    settings.shared.as_mut().unwrap().on_loss = OnLoss::Refuse;
    let usage = Usage::open_idle(settings).await.unwrap();
    let handle = handle(&usage, Mode::Lease, 1000);
    handle.admit(ONE).await.unwrap().settle(ONE);
    world.faults.set(Fault::NotDone);
    for _ in 0..3 {
        assert!(usage.flush().await.is_err());
    }
    at_once(handle.admit(ONE))
        .unwrap()
        .expect("what is leased may be used up")
        .settle(ONE);
    world.clock.set("2026-11-15T12:00:27Z");
    assert!(at_once(handle.admit(ONE)).unwrap().is_err(), "but not after its time");
    world.clock.set(crate::harness::NOON);
    assert!(
        at_once(handle.admit(ONE)).unwrap().is_err(),
        "also if the clock is set back"
    );
}
