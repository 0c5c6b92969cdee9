//! What is kept: metric-nexus's own files, crashes, restarts, damage.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use yaml_serde::Value;

use crate::harness::{Ended, Hub, Setup, fits, hub, until};

const CONFIG: &str = "\
host: 127.0.0.1
port: 0
state: \"\"
key: \"\"
cert: \"\"
keys:
    - Hello World 0123
    - another key 4567
";

const STATE: &str = "\
metrics:
    - key: metric_nexus_clients
      description: The total number of clients that used MetricNexus within the last hour.
      value: 3
    - key: uptime
      description: metric server uptime
      value: 86400
    - key: odd
      description: \"two\\nlines, a \\\\ and é\"
      value: 1.234567e+06
    - key: nan
      description: \"\"
      value: .nan
    - key: inf
      description: \"\"
      value: .inf
    - key: minus
      description: \"\"
      value: -.inf
    - key: zero
      description: \"\"
      value: -0
";

/// A hub on metric-nexus's own two files.
fn metric_nexus(state: &str) -> Setup {
    let setup = hub()
        .config(CONFIG)
        .state_of_config()
        .listen_of_config()
        .key("Hello World 0123");
    fs::write(setup.path("config.state.yaml"), state).unwrap();
    setup
}

#[tokio::test]
async fn files_of_metric_nexus_work_unchanged() {
    let mut hub = metric_nexus(STATE).start().await;
    let original = hub.setup.path("config.state.yaml.original");
    assert_eq!(fs::read_to_string(original).unwrap(), STATE);
    for _ in 0..3 {
        for (name, value) in [
            ("uptime", "86400"),
            ("odd", "1234567"),
            ("nan", "NaN"),
            ("inf", "+Inf"),
            ("minus", "-Inf"),
            ("zero", "-0"),
            ("metric_nexus_clients", "1"),
        ] {
            let request = hub
                .get(&format!("/{name}"))
                .no_key()
                .header("authorization", "token Hello World 0123");
            assert_eq!(request.send().await.line(), format!("200 {value}"), "{name}");
        }
        let help = "…# HELP odd two\\nlines, a \\\\ and é\n# TYPE odd gauge\nodd 1.234567e+06\n…";
        let scrape = hub.value("/__metrics").await;
        assert!(
            fits(&scrape.replace("odd 1234567", "odd 1.234567e+06"), help),
            "{scrape}"
        );
        hub.restart().await;
    }
    // Every key counts, and may do what it could.
    for (method, target, expected) in [
        ("POST", "/new", 201),
        ("PUT", "/uptime/inc", 204),
        ("DELETE", "/odd", 204),
        ("GET", "/metrics", 200),
        ("POST", "/-/reload", 403),
    ] {
        let request = hub
            .request(method, target)
            .no_key()
            .header("authorization", "token another key 4567");
        assert_eq!(request.send().await.status, expected, "{method} {target}");
    }
    hub.crash().await;
    hub.check("GET /uptime", "", "200 86401").await;
    hub.check("GET /odd", "", "404 …").await;
    assert!(hub.setup.path("config.state.yaml.d/journal").is_dir());
    let names: BTreeMap<String, ()> = names_in(hub.setup.path("."));
    assert!(!names.contains_key("state"), "{names:?}");
}

fn names_in(directory: impl AsRef<Path>) -> BTreeMap<String, ()> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| (entry.unwrap().file_name().into_string().unwrap(), ()))
        .collect()
}

#[tokio::test]
async fn a_state_file_without_metrics_is_one_too() {
    for state in ["metrics:", "metrics:\n", "metrics: []\n"] {
        let hub = metric_nexus(state).start().await;
        hub.check("GET /api/v1/families", "", "200 {\"families\":[]}").await;
        hub.check("POST /m", "", "201 Created").await;
    }
}

/// The original began empty then, and overwrote the file within a minute.
#[tokio::test]
async fn a_state_file_that_cannot_be_read_is_refused_and_kept() {
    for (state, expected) in [
        ("", "…config.state.yaml: …empty…"),
        (
            "metrics:\n    - key: a\n      description: \"\"\n      value: five\n",
            "…config.state.yaml: …line 4…",
        ),
        (
            "metrics:\n    - key: a\n      value: 1\n  - oops\n",
            "…config.state.yaml: …line 4…",
        ),
        (
            "metrics:\n    - key: a\n      colour: red\n      value: 1\n",
            "…config.state.yaml: …colour…line …",
        ),
        ("metrics: 5\n", "…config.state.yaml: …line 1…"),
        ("{\"some\": \"json\"}", "…config.state.yaml: …some…"),
        (
            "metrics:\n    - key: a\n      value: 1\n    - key: a\n      value: 2\n",
            "…config.state.yaml: metric \"a\": it is there twice…",
        ),
        (
            "metrics:\n    - key: 1a\n      value: 1\n",
            "…config.state.yaml: metric \"1a\": …",
        ),
        ("\u{0}\u{1}\u{2}", "…config.state.yaml: …"),
    ] {
        let setup = metric_nexus(state);
        let ended = setup.fail().await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
        assert!(fits(&ended.notes, expected), "{state:?}: {ended:?}");
        assert_eq!(fs::read_to_string(setup.path("config.state.yaml")).unwrap(), state);
        // It is still refused the next time.
        assert_eq!(setup.fail().await.notes, ended.notes);
    }
}

/// A metric of every kind.
async fn fill(hub: &Hub) {
    hub.batch(
        r#"[{"op":"set","metric":"g","value":5,"type":"gauge","help":"A \"gauge\"\n\\ é \u2028"},
            {"op":"set","metric":"g","labels":{"a":"\"b\"\n","c.d":"é"},"value":"NaN"},
            {"op":"add","metric":"c_total","value":1e21,"type":"counter"},
            {"op":"add","metric":"tiny","value":5e-324,"type":"untyped","unit":"u"},
            {"op":"observe","metric":"h","value":0.5,"buckets":[0.1,1]},
            {"op":"merge","metric":"h","labels":{"a":"b"},"counts":[1,0,18446744073709551615],"sum":"1e300"}]"#,
    )
    .await;
}

/// All that a scrape shows of what clients have made.
async fn whole(hub: &Hub) -> String {
    let scrape = hub
        .get("/__metrics")
        .header("accept", "text/plain;escaping=allow-utf-8")
        .send()
        .await;
    let (made, own): (Vec<String>, Vec<String>) = scrape
        .text()
        .lines()
        .map(str::to_owned)
        .partition(|line| !line.contains("metric_nexus_"));
    assert!(!own.is_empty());
    made.join("\n")
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_any_end() {
    for durability in ["sync", "flush"] {
        let mut hub = hub().durability(durability).start().await;
        fill(&hub).await;
        let mut expected = whole(&hub).await;
        assert!(expected.contains("18446744073709551615"), "{expected}");
        for round in 1..=3 {
            hub.crash().await;
            assert_eq!(whole(&hub).await, expected, "{durability}");
            hub.check("PUT /g/inc", "", "204").await;
            expected = expected.replace(&format!("g {}", round + 4), &format!("g {}", round + 5));
            hub.restart().await;
            assert_eq!(whole(&hub).await, expected, "{durability}");
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_to_many_writers_survives_kill_9() {
    for durability in ["sync", "flush"] {
        let mut hub = hub().durability(durability).start().await;
        hub.check("POST /m", "", "201 Created").await;
        let acknowledged = AtomicU32::new(0);
        let mut least = 0;
        for round in 1..=4 {
            let writer = async || {
                while let Some(reply) = hub.put("/m/inc").try_send().await {
                    assert_eq!(reply.line(), "204");
                    acknowledged.fetch_add(1, Relaxed);
                }
            };
            let killer = async {
                until("some writes", async || {
                    (acknowledged.load(Relaxed) > 50 * round).then_some(())
                })
                .await;
                hub.signal("KILL").await;
            };
            let writers = futures_util::future::join_all((0..8).map(|_| writer()));
            tokio::join!(writers, killer);
            hub.ended().await;
            hub.start().await;
            let value: u32 = hub.value("/m").await.parse().unwrap();
            let sure = acknowledged.load(Relaxed);
            // Of each writer one increment may have happened of which it was not told.
            assert!(
                value >= sure && value <= sure + 8 * round,
                "{value} {sure} {durability}"
            );
            assert!(value >= least);
            least = value;
        }
    }
}

#[tokio::test]
async fn snapshot_mode_loses_nothing_but_in_a_crash() {
    let mut hub = hub().durability("snapshot").start().await;
    fill(&hub).await;
    let expected = whole(&hub).await;
    hub.restart().await;
    assert_eq!(whole(&hub).await, expected);
    hub.check("PUT /g/inc", "", "204").await;
    hub.check("POST /api/v1/admin/snapshot", "", "200 {\"sequence\":7,…")
        .await;
    hub.check("PUT /g/inc", "", "204").await;
    hub.crash().await;
    hub.check("GET /g", "", "200 6").await;
    hub.check("PUT /g/inc", "", "204").await;
    hub.restart().await;
    hub.check("GET /g", "", "200 7").await;
}

#[tokio::test]
async fn the_snapshot_is_yaml_that_any_tool_reads() {
    let mut hub = hub().start().await;
    fill(&hub).await;
    hub.get("/m").header("x-client-id", "one \"id\"").send().await;
    assert_eq!(hub.terminate().await.code(), Some(0));
    let path = hub.state().join("state.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o077, 0, "others may read it");
    let value: Value = yaml_serde::from_str(&text).unwrap();
    let list = |name: &str| value[name].as_sequence().unwrap().clone();
    assert_eq!(value["hub"]["sequence"].as_u64(), Some(6));
    let families: Vec<Value> = list("families").iter().map(|family| family["name"].clone()).collect();
    assert_eq!(families, ["c_total", "g", "h", "tiny"].map(Value::from));
    assert_eq!(list("families")[1]["help"], Value::from("A \"gauge\"\n\\ é \u{2028}"));
    let series = list("series");
    assert_eq!(series.len(), 6);
    assert_eq!(series[0]["value"].as_f64(), Some(1e21));
    let labelled = series.iter().find(|series| !series["labels"]["c.d"].is_null()).unwrap();
    assert_eq!(
        (&labelled["labels"]["a"], &labelled["value"]),
        (&Value::from("\"b\"\n"), &Value::from("NaN"))
    );
    assert_eq!(list("clients").len(), 2);
    // Each stands on one line, which is JSON too.
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("- ")).collect();
    assert_eq!(lines.len(), 12);
    for line in lines {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(text.lines().last().unwrap().starts_with('#'));
}

/// A hub's directory after an orderly end, and its snapshot.
async fn stopped() -> (Hub, PathBuf) {
    let mut hub = hub().start().await;
    fill(&hub).await;
    assert_eq!(hub.terminate().await.code(), Some(0));
    let path = hub.state().join("state.yaml");
    (hub, path)
}

async fn check(hub: &Hub) -> Ended {
    let directory = hub.state().display().to_string();
    hub.setup.command_line(&["state", "check", &directory]).await
}

/// The hub does not start, says why, and leaves the file as it is; `state check` says the same.
async fn refused(hub: &Hub, file: &Path, expected: &str) -> Ended {
    let before = fs::read(file).unwrap();
    let ended = hub.setup.fail().await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    let name = file.display().to_string();
    assert!(
        fits(&ended.notes, &format!("…{name}{expected}")),
        "{ended:?} instead of {expected}"
    );
    let checked = check(hub).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(fits(&checked.output, &format!("…{name}{expected}")), "{checked:?}");
    assert_eq!(fs::read(file).unwrap(), before);
    ended
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_and_kept() {
    let (mut hub, path) = stopped().await;
    let sound = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = sound.lines().collect();
    let without = |place: usize| {
        let mut lines = lines.clone();
        lines.remove(place);
        lines.join("\n") + "\n"
    };
    for (damaged, expected) in [
        (sound.replace("\"gauge\"", "\"guage\""), ", line …"),
        (
            sound.replace("\"value\": 5.0,", "\"value\": 6.0,"),
            ": its checksum is wrong…",
        ),
        (sound.replace("\"labels\"", "\"lables\""), ", line …"),
        (without(lines.len() - 1), " has no checksum line at its end…"),
        (without(4), "…"),
        (sound[..sound.len() / 2].to_owned(), "…"),
        (format!("{sound}more\n"), ": its checksum is wrong…"),
        (format!("{sound}{sound}"), ": its checksum is wrong…"),
        (sound.replacen('#', "%", 1), "…line 1…"),
        (String::new(), "…"),
        (
            sound.replace("\"format\": 2", "\"format\": 99"),
            ", line 2: the format is 99…newer metric-nexus…",
        ),
    ] {
        assert_ne!(damaged, sound);
        fs::write(&path, damaged).unwrap();
        let ended = refused(&hub, &path, expected).await;
        assert!(ended.notes.contains("state check"), "what to do: {ended:?}");
    }
    let mut bytes = sound.clone().into_bytes();
    bytes[sound.len() / 2] = 0xff;
    fs::write(&path, &bytes).unwrap();
    refused(&hub, &path, ", line …UTF-8…").await;
    fs::write(&path, &sound).unwrap();
    hub.start().await;
    hub.check("GET /g", "", "200 5").await;
}

/// The segment that a hub that was killed had open.
fn last_segment(hub: &Hub) -> PathBuf {
    let directory = hub.state().join("journal");
    let names = names_in(&directory);
    let segment = names.keys().rfind(|name| name.ends_with(".log"));
    directory.join(segment.unwrap())
}

async fn killed(durability: &'static str) -> (Hub, PathBuf) {
    let mut hub = hub().durability(durability).start().await;
    hub.check("POST /m", "", "201 Created").await;
    for _ in 0..20 {
        hub.check("PUT /m/inc", "", "204").await;
    }
    hub.kill().await;
    let segment = last_segment(&hub);
    (hub, segment)
}

#[tokio::test]
async fn a_damaged_journal_is_refused_and_kept() {
    let (mut hub, segment) = killed("sync").await;
    let sound = fs::read(&segment).unwrap();
    for place in [sound.len() / 2, sound.len() / 4, 60, 100] {
        let mut damaged = sound.clone();
        damaged[place] ^= 0x10;
        fs::write(&segment, &damaged).unwrap();
        refused(&hub, &segment, " is damaged at offset …").await;
    }
    let mut damaged = sound.clone();
    damaged[9] ^= 0x10;
    fs::write(&segment, &damaged).unwrap();
    refused(&hub, &segment, ": its header is damaged…").await;
    fs::write(&segment, &sound).unwrap();
    hub.start().await;
    hub.check("GET /m", "", "200 20").await;
}

#[tokio::test]
async fn an_unfinished_end_of_the_journal_is_cut_and_reported() {
    for durability in ["sync", "flush"] {
        let (mut hub, segment) = killed(durability).await;
        let sound = fs::read(&segment).unwrap();
        let unfinished = [&sound[..], &sound[40..90]].concat();
        fs::write(&segment, &unfinished).unwrap();
        let checked = check(&hub).await;
        let expected = format!(
            "…: not there\n…; 21 frames, 21 writes, changes 1 to 21\ntail: {}, offset {}: 50 bytes of an unfinished frame, which nobody was promised; …\nsound: 1 metrics, 1 series, 0 idempotency keys, up to change 21\n",
            segment.display(),
            sound.len()
        );
        assert_eq!(checked.code, Some(0));
        assert!(fits(&checked.output, &expected), "{checked:?}");
        assert_eq!(fs::read(&segment).unwrap(), unfinished);
        hub.start().await;
        assert!(hub.log().contains(&format!("offset={}", sound.len())), "{}", hub.log());
        hub.check("GET /m", "", "200 20").await;
        hub.check("PUT /m/inc", "", "204").await;
        hub.crash().await;
        hub.check("GET /m", "", "200 21").await;
    }
}

#[tokio::test]
async fn a_journal_that_lost_its_snapshot_is_refused() {
    let (mut hub, segment) = killed("sync").await;
    let aside = segment.with_extension("aside");
    hub.start().await;
    hub.check("PUT /m/inc", "", "204").await;
    hub.restart().await;
    hub.check("PUT /m/inc", "", "204").await;
    hub.kill().await;
    let snapshot = hub.state().join("state.yaml");
    fs::rename(&snapshot, &aside).unwrap();
    let ended = hub.setup.fail().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.notes.contains("are missing"), "{ended:?}");
    fs::rename(&aside, &snapshot).unwrap();
    hub.start().await;
    hub.check("GET /m", "", "200 22").await;
}

#[tokio::test]
async fn a_foreign_file_beside_a_journal_is_refused() {
    let (hub, _) = killed("sync").await;
    let path = hub.state().join("state.yaml");
    fs::write(&path, STATE).unwrap();
    refused(
        &hub,
        &path,
        " was not written by this hub, and the journal beside it is not empty…",
    )
    .await;
}

#[tokio::test]
async fn a_check_says_what_is_there() {
    let (hub, path) = stopped().await;
    let checked = check(&hub).await;
    let journal = hub.state().join("journal");
    let expected = format!(
        "{}: 4 metrics, 6 series, 0 idempotency keys, 1 clients; stands for change 6\n\
         {}/000002.log: segment 2, durability sync, promised, begins after change 6; nothing newer than the snapshot\n\
         sound: 4 metrics, 6 series, 0 idempotency keys, up to change 6\n",
        path.display(),
        journal.display()
    );
    assert_eq!(
        (checked.code, checked.output, checked.notes.as_str()),
        (Some(0), expected.clone(), "")
    );
    let nothing = hub.setup.command_line(&["state", "check", "no/such/place"]).await;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.notes.contains("no/such/place"), "{nothing:?}");
    assert!(!hub.setup.path("no").exists());
}

#[tokio::test]
async fn a_second_hub_on_a_directory_is_refused() {
    let mut hub = hub().start().await;
    let second = hub.setup.fail().await;
    assert_eq!(second.code, Some(1), "{second:?}");
    let expected = format!(
        "…another hub (process {}) runs on {}: …--state…",
        hub.pid(),
        hub.state().display()
    );
    assert!(fits(&second.notes, &expected), "{second:?}");
    hub.check("POST /m", "", "201 Created").await;
    // A hub that was killed does not leave its lock.
    hub.crash().await;
    hub.check("GET /m", "", "200 0").await;
}
