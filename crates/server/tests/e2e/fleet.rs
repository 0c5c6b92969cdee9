//! A fleet of short-lived workers counts on a hub that is killed again and again, over a line that loses answers: the sum
//! is exact.
//!
//! The workers are the example `fleet`, which counts by the Rust client, and scripts that use the command `nexus` with a
//! spool, in processes of a few milliseconds each. `NEXUS_TEST_FLEET=200:10` is the full size: so many workers, and so many
//! times the hub is killed.

mod proxy;

use std::{
    env,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::{
    hub::{PROGRAM, Place},
    programs::{Said, run_with},
};
use proxy::Proxy;

/// Workers that live at the same time.
const TOGETHER_MAX: usize = 25;
/// One in so many workers is a script.
const SCRIPTS: usize = 5;
/// How often a script counts.
const COUNTS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_of_a_fleet_is_exact_whatever_hub_and_network_do() {
    let Some((worker, nexus)) = programs() else { return };
    let (workers, kills) = size();
    let place = Place::new();
    let mut hub = place.hub(&[]).await;
    let proxy = Proxy::before(hub.address).await;
    let fleet = Arc::new(Fleet {
        url: format!("https://{}", proxy.address),
        key: place.admin_key(),
        ended: AtomicUsize::new(0),
        place: place.clone(),
        worker,
        nexus,
    });

    let slots = Arc::new(Semaphore::new(TOGETHER_MAX));
    let mut running = JoinSet::new();
    for number in 0..workers {
        let (fleet, slots) = (Arc::clone(&fleet), Arc::clone(&slots));
        running.spawn(async move {
            let _slot = slots.acquire_owned().await.unwrap();
            let counted = fleet.work(number).await;
            fleet.ended.fetch_add(1, Relaxed);
            counted
        });
    }
    for kill in 1..=kills {
        // Spread over the life of the fleet.
        let enough = workers * (kill - 1) / kills;
        while fleet.ended.load(Relaxed) < enough {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(getrandom::u64().unwrap() % 700)).await;
        hub.kill().await;
        hub = place.hub(&[]).await;
        proxy.lead_to(hub.address);
    }
    let counted: u64 = running.join_all().await.into_iter().sum();

    let found = hub.ok(&[], "/fleet_jobs_total").await;
    assert_eq!(found, counted.to_string(), "{workers} workers");
    let ends = hub.ok(&[], "/fleet_workers_total").await;
    assert_eq!(ends, (workers - workers.div_ceil(SCRIPTS)).to_string());
    hub.stop().await;
    eprintln!(
        "{workers} workers counted {counted}, the hub was killed {kills} times, {} answers were lost: the sum is exact",
        proxy.lost()
    );
    assert!(proxy.lost() > 0);
}

struct Fleet {
    place: Place,
    url: String,
    key: String,
    worker: PathBuf,
    nexus: PathBuf,
    ended: AtomicUsize,
}

impl Fleet {
    /// How much a worker says it has counted.
    async fn work(&self, number: usize) -> u64 {
        if number.is_multiple_of(SCRIPTS) {
            return self.script(number).await;
        }
        let said = self.run(&self.worker, &["worker"]).await;
        said.ok().trim().parse().unwrap()
    }

    /// Counts into a spool, which two scripts share, with nobody to wait for, and hands over at the end.
    async fn script(&self, number: usize) -> u64 {
        let spool = format!("spool-{}", number / SCRIPTS / 2);
        let inc = [
            "--spool",
            &spool,
            "--spool-interval",
            "100ms",
            "inc",
            "fleet_jobs_total",
            "--type",
            "counter",
        ];
        for _ in 0..COUNTS {
            self.run(&self.nexus, &inc).await.ok();
            sleep(Duration::from_millis(100)).await;
        }
        let flush = ["flush", "--spool", &spool, "--wait", "--timeout", "50s"];
        self.run(&self.nexus, &flush).await.ok();
        COUNTS as u64
    }

    async fn run(&self, program: &Path, arguments: &[&str]) -> Said {
        let environment = [
            ("METRIC_NEXUS_URL", self.url.as_str()),
            ("METRIC_NEXUS_KEY", &self.key),
            ("METRIC_NEXUS_CA", "state/tls/ca.pem"),
            ("FLEET_PATIENCE_SECONDS", "50"),
        ];
        run_with(program, arguments, self.place.path(), "", &environment).await
    }
}

/// Workers, and kills of the hub.
fn size() -> (usize, usize) {
    let size = env::var("NEXUS_TEST_FLEET").unwrap_or_else(|_| "40:3".to_owned());
    let (workers, kills) = size.split_once(':').expect("NEXUS_TEST_FLEET=WORKERS:KILLS");
    (workers.parse().unwrap(), kills.parse().unwrap())
}

/// The programs of the workspace that the workers are made of, beside the hub's: `cargo test --workspace --all-features`
/// builds them, as `scripts/test` does.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let directory = Path::new(PROGRAM).parent().unwrap();
    let (worker, nexus) = (directory.join("examples/fleet"), directory.join("nexus"));
    let there = worker.is_file() && nexus.is_file();
    let build = "cargo build --workspace --all-features --bins --example fleet";
    assert!(
        there || env::var_os("NEXUS_TEST_STRICT").is_none(),
        "the workers' programs are not built: {build}"
    );
    if !there {
        eprintln!("SKIPPED, nothing was tested: the workers' programs are not built: {build}");
    }
    there.then_some((worker, nexus))
}
