//! A spool on a disk that is full.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::harness::{Running, reaches, start_in};

/// A file system of a megabyte. Nothing, loudly, where none can be mounted.
struct SmallDisk {
    place: TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let place = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        let needed = "a file system to fill (mount -t tmpfs, as root)";
        assert!(
            mounted || std::env::var_os("NEXUS_TEST_STRICT").is_none(),
            "this test needs {needed}"
        );
        if !mounted {
            eprintln!("SKIPPED, nothing was tested: this needs {needed}");
        }
        mounted.then_some(SmallDisk { place })
    }

    fn filler(&self) -> PathBuf {
        self.place.path().join("filler")
    }

    fn fill(&self) {
        let error = fs::write(self.filler(), vec![0; 2 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have files open.
        let unmounted = Command::new("umount").arg("-l").arg(self.place.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Writes until the hub takes no more.
async fn until_read_only(hub: &Running) {
    let client = hub
        .builder()
        .danger_accept_any_certificate()
        .without_retries()
        .build()
        .unwrap();
    for _ in 0..100_000 {
        let Err(error) = client.increment("probe").await else {
            continue;
        };
        assert!(error.is_transient() && error.status() == Some(503), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        match error.problem().unwrap().kind() {
            "urn:metric-nexus:problem:outcome-unknown" => assert!(error.is_outcome_unknown()),
            "urn:metric-nexus:problem:read-only" => return assert!(!error.is_outcome_unknown()),
            other => panic!("{other}"),
        }
    }
    panic!("the disk does not fill");
}

/// Of the writes under way when the disk is full, the hub does not know what became of them: the same keys tell.
#[tokio::test]
async fn sums_are_exact_although_the_hub_s_disk_is_full_for_a_while() {
    let Some(disk) = SmallDisk::mount() else { return };
    let hub = start_in(&disk.place.path().join("state")).await;
    let client = hub
        .builder()
        .danger_accept_any_certificate()
        .deadline(Duration::from_secs(60))
        .build()
        .unwrap();
    client.create("n", "").await.unwrap();
    client.create("probe", "").await.unwrap();
    let mut workers = JoinSet::new();
    for _ in 0..4 {
        let client = client.clone();
        workers.spawn(async move {
            for _ in 0..300 {
                client.increment("n").await.unwrap();
            }
        });
    }
    reaches(&client, "n", 100.0).await;
    disk.fill();
    until_read_only(&hub).await;
    assert!(client.read("n").await.unwrap() >= 100.0);
    disk.free();
    while let Some(done) = workers.join_next().await {
        done.unwrap();
    }
    assert_eq!(client.read("n").await.unwrap(), 1200.0);
    hub.stop().await;
}
