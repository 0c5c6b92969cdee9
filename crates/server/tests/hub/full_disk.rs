//! No room left: writes are refused, scrapes go on, and the hub comes back by itself.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Hub, Setup, fits, hub, require, until};

/// A small file system. Nothing, loudly, where none can be mounted.
struct SmallDisk {
    place: TempDir,
}

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let place = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        let size = format!("size={megabytes}m");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        require("a file system to fill (mount -t tmpfs, as root)", mounted).then_some(SmallDisk { place })
    }

    fn hub(&self) -> Setup {
        hub().state(self.place.path().join("state"))
    }

    /// Where every byte counts, nothing but the state itself is to take room.
    fn hub_without_usage_log(&self) -> Setup {
        self.hub().config("usage_log: { enabled: false }")
    }

    fn filler(&self) -> PathBuf {
        self.place.path().join("filler")
    }

    fn fill(&self) {
        let error = fs::write(self.filler(), vec![0; 32 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Makes some room.
    fn give_back(&self, bytes: u64) {
        let filler = fs::File::options().write(true).open(self.filler()).unwrap();
        let length = filler.metadata().unwrap().len();
        filler.set_len(length - bytes).unwrap();
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

async fn until_ready(hub: &Hub) {
    until("room again", async || {
        (hub.get("/-/ready").send().await.status == 200).then_some(())
    })
    .await;
}

/// What became of increments.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u32,
    unknown: u32,
}

impl Tally {
    /// Increments until that is refused because the journal cannot be written.
    async fn until_refused(&mut self, hub: &Hub) {
        loop {
            let reply = hub.put("/m/inc").header("accept", "application/json").send().await;
            if reply.status == 204 {
                self.acknowledged += 1;
                assert!(self.acknowledged < 100_000, "the disk does not fill");
                continue;
            }
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply}");
            match reply.json()["type"].as_str().unwrap() {
                "urn:metric-nexus:problem:outcome-unknown" => self.unknown += 1,
                "urn:metric-nexus:problem:read-only" => return,
                other => panic!("{other}"),
            }
        }
    }

    /// What was acknowledged is there; what nobody knows may be.
    async fn check(&self, hub: &Hub) {
        let value: u32 = hub.value("/m").await.parse().unwrap();
        let expected = self.acknowledged..=self.acknowledged + self.unknown;
        assert!(expected.contains(&value), "{value} is not within {expected:?}");
    }
}

#[tokio::test]
async fn a_full_disk_makes_the_hub_read_only_until_there_is_room() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let mut hub = disk.hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    let mut tally = Tally::default();
    for _ in 0..2 {
        disk.fill();
        tally.until_refused(&hub).await;
        let ready = hub.get("/-/ready").no_key().send().await;
        assert!(
            fits(&ready.line(), "503 the journal cannot be written: …No space left…\n"),
            "{ready}"
        );
        assert_eq!(ready.header("retry-after"), Some("1"));
        hub.check("GET /-/healthy", "", "200 OK\n").await;
        hub.check(
            "GET /__metrics?prefix=metric_nexus_read_only",
            "",
            "200 …\nmetric_nexus_read_only 1\n",
        )
        .await;
        hub.check(
            "GET /api/v1/hub",
            "",
            "200 …\"read_only\":\"the journal cannot be written…",
        )
        .await;
        hub.check("POST /new", "", "503 …/-/ready says why\n").await;
        hub.check("DELETE /m", "", "503 …").await;
        hub.check("POST /api/v1/batch", r#"{"op":"inc","metric":"m"}"#, "503 …")
            .await;
        hub.check("POST /api/v1/admin/snapshot", "", "503 …").await;
        // What is wrong with the request itself is still said.
        hub.check("PUT /m", "abc", "400 …").await;
        tally.check(&hub).await;

        disk.free();
        until("writes again", async || {
            let reply = hub.put("/m/inc").send().await;
            tally.acknowledged += u32::from(reply.status == 204);
            (reply.status == 204).then_some(())
        })
        .await;
        hub.check("GET /-/ready", "", "200 OK\n").await;
        hub.check(
            "GET /__metrics?prefix=metric_nexus_read_only",
            "",
            "200 …\nmetric_nexus_read_only 0\n",
        )
        .await;
        tally.check(&hub).await;
        hub.crash().await;
        tally.check(&hub).await;
    }
    hub.restart().await;
    tally.check(&hub).await;
}

#[tokio::test]
async fn a_crash_on_a_full_disk_loses_nothing_that_was_acknowledged() {
    for durability in ["sync", "flush"] {
        let Some(disk) = SmallDisk::mount(1) else { return };
        let mut hub = disk.hub_without_usage_log().durability(durability).start().await;
        hub.check("POST /m", "", "201 Created").await;
        let mut tally = Tally::default();
        for _ in 0..3 {
            disk.fill();
            tally.until_refused(&hub).await;
            hub.kill().await;
            // There is no room to make durable what it read: it shows that, and takes no writes.
            hub.start().await;
            tally.check(&hub).await;
            let ready = hub.get("/-/ready").send().await;
            assert!(
                fits(&ready.line(), "503 the journal cannot be written: …No space left…\n"),
                "{ready}"
            );
            disk.free();
            until_ready(&hub).await;
            tally.check(&hub).await;
        }
    }
}

#[tokio::test]
async fn an_orderly_end_on_a_full_disk_is_told_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    let mut hub = disk.hub_without_usage_log().start().await;
    hub.check("POST /m", "", "201 Created").await;
    let mut tally = Tally::default();
    disk.fill();
    tally.until_refused(&hub).await;
    let ended = hub.terminate().await;
    assert_eq!(ended.code(), Some(1), "{}", hub.log());
    assert!(hub.log().contains("cannot write the snapshot"), "{}", hub.log());
    disk.free();
    hub.start().await;
    tally.check(&hub).await;
}

/// A snapshot that finds no room leaves the one before it, and the journal goes on.
#[tokio::test]
async fn a_snapshot_without_room_changes_nothing() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    let mut hub = disk.hub_without_usage_log().start().await;
    // Some 300 kB of state, so that there is room for the journal but not for a second snapshot.
    let series: Vec<String> = (0..1500)
        .map(|n| format!(r#"{{"op":"set","metric":"big","labels":{{"number":"{n:06}"}},"value":{n},"type":"gauge"}}"#))
        .collect();
    hub.batch(series.join("\n")).await;
    let taken = hub.post("/api/v1/admin/snapshot").send().await.json();
    let bytes = taken["bytes"].as_u64().unwrap();
    let before = fs::read(hub.state().join("state.yaml")).unwrap();
    disk.fill();
    disk.give_back(bytes / 2);

    hub.check("PUT /big/inc?number=000001", "", "204").await;
    hub.check(
        "POST /api/v1/admin/snapshot",
        "",
        "503 cannot write the snapshot …No space left…\n",
    )
    .await;
    assert_eq!(fs::read(hub.state().join("state.yaml")).unwrap(), before);
    assert!(!hub.state().join("state.yaml.new").exists());
    hub.check("GET /-/ready", "", "200 OK\n").await;
    hub.check("PUT /big/inc?number=000001", "", "204").await;
    let errors = hub.value("/__metrics?prefix=metric_nexus_snapshot_errors").await;
    assert!(errors.ends_with("metric_nexus_snapshot_errors_total 1\n"), "{errors}");
    hub.crash().await;
    // A start wants to make durable what it read, so without room it only shows it.
    hub.check("GET /big?number=000001", "", "200 3").await;
    hub.check("PUT /big/inc?number=000001", "", "503 …").await;
    disk.free();
    until_ready(&hub).await;
    let taken: Value = hub.post("/api/v1/admin/snapshot").send().await.json();
    assert_eq!(taken["sequence"], 1502, "{taken}");
}
