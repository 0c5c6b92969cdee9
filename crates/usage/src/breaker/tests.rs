//! When the breaker opens, and when it lets calls through again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tokio::time::{self, Duration, Instant};

use super::{Breaker, BreakerSettings};

const INTERVAL: Duration = Duration::from_secs(5);

fn breaker() -> Breaker {
    Breaker::new(BreakerSettings {
        failures_max: 3.try_into().unwrap(),
        probe_interval: INTERVAL,
    })
}

/// Makes calls that end as told: `+` in success, `-` in failure, `.` without a word. Answers how many were let through.
fn calls(breaker: &Breaker, ends: &str) -> usize {
    let mut made = 0;
    for end in ends.chars() {
        let Some(call) = breaker.call() else { continue };
        made += 1;
        match end {
            '+' => call.succeeded(),
            '-' => call.failed(),
            _ => drop(call),
        }
    }
    made
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_so_many_failures_in_a_row() {
    let check = |ends: &str, made: usize, open: bool| {
        let breaker = breaker();
        assert_eq!((calls(&breaker, ends), breaker.is_open()), (made, open), "{ends}");
        assert_eq!(breaker.opened_total(), u64::from(open));
        assert_eq!(breaker.refused_total(), (ends.len() - made) as u64);
    };
    check("", 0, false);
    check("--", 2, false);
    check("---", 3, true);
    check("--+--", 5, false);
    check("--+---", 6, true);
    check("-.-.", 4, false);
    check("-.-.-", 5, true);
    check("----+", 3, true);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_when_it_has_opened_meanwhile_changes_nothing() {
    for late_success in [true, false] {
        let breaker = breaker();
        let late = breaker.call().unwrap();
        calls(&breaker, "---");
        if late_success {
            late.succeeded();
        } else {
            late.failed();
        }
        assert!(breaker.is_open());
        assert_eq!(breaker.opened_total(), 1);
    }
}

/// A store that is probed.
struct Probed {
    breaker: Breaker,
    well: Arc<AtomicBool>,
    probes: Arc<AtomicU32>,
    watch: tokio::task::JoinHandle<()>,
}

impl Probed {
    fn start() -> Self {
        let (breaker, well, probes) = (breaker(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let watch = tokio::spawn({
            let (breaker, well, probes) = (breaker.clone(), well.clone(), probes.clone());
            async move {
                loop {
                    let probe = breaker.probe().await;
                    probes.fetch_add(1, Ordering::Relaxed);
                    if well.load(Ordering::Relaxed) {
                        probe.succeeded();
                    } else {
                        probe.failed();
                    }
                }
            }
        });
        Probed {
            breaker,
            well,
            probes,
            watch,
        }
    }

    fn probes(&self) -> u32 {
        self.probes.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_probed_at_its_interval_while_it_is_open_and_never_else() {
    let probed = Probed::start();
    time::sleep(INTERVAL * 10).await;
    assert_eq!(probed.probes(), 0, "it is closed");
    calls(&probed.breaker, "---");
    let opened = Instant::now();
    for count in 1..=4 {
        time::sleep_until(opened + INTERVAL * count - Duration::from_millis(1)).await;
        assert_eq!(probed.probes(), count - 1);
        time::sleep_until(opened + INTERVAL * count + Duration::from_millis(1)).await;
        assert_eq!(probed.probes(), count);
        assert!(probed.breaker.is_open());
    }
    assert_eq!(calls(&probed.breaker, "+++"), 0, "only probes are made");
}

#[tokio::test(start_paused = true)]
async fn it_closes_by_itself_and_then_tolerates_as_much_as_at_first() {
    let probed = Probed::start();
    for round in 1..=3 {
        calls(&probed.breaker, "---");
        assert!(probed.breaker.is_open());
        probed.well.store(true, Ordering::Relaxed);
        time::sleep(INTERVAL + Duration::from_millis(1)).await;
        assert!(!probed.breaker.is_open());
        assert_eq!(calls(&probed.breaker, "--"), 2);
        assert!(!probed.breaker.is_open(), "two failures are tolerated again");
        calls(&probed.breaker, "+");
        probed.well.store(false, Ordering::Relaxed);
        assert_eq!(probed.breaker.opened_total(), round);
    }
    time::sleep(INTERVAL * 10).await;
    assert_eq!(probed.probes(), 3, "one for each time it was open");
}

#[tokio::test(start_paused = true)]
async fn several_watches_take_turns_and_any_of_them_may_end() {
    let probed = Probed::start();
    let other = tokio::spawn({
        let (breaker, probes) = (probed.breaker.clone(), probed.probes.clone());
        async move {
            loop {
                // Its end is never told: the next probe is due all the same.
                let _ = breaker.probe().await;
                probes.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    calls(&probed.breaker, "---");
    time::sleep(INTERVAL * 4 + Duration::from_millis(1)).await;
    assert_eq!(probed.probes(), 4, "one probe an interval");
    probed.watch.abort();
    time::sleep(INTERVAL * 2).await;
    assert_eq!(probed.probes(), 6);
    other.abort();
}
