//! The program on a state that the release before left, killed; `tests/fixtures/state-0.1/README.md` says what is in it.

use std::{fs, path::Path, time::SystemTime};

use crate::harness::{Hub, Setup, hub, request::Reply};

const CONFIG: &str = "\
idempotency:
  retention: 366d
keys:
  - name: alice
    key: alice-fixture-key-0123456789
    scopes: [read, write, scrape, admin]
  - name: bob
    key: bob-fixture-key-0123456789ab
";
const ALICE: &str = "alice-fixture-key-0123456789";
const BOB: &str = "bob-fixture-key-0123456789ab";

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/state-0.1")
        .join(name)
}

/// A hub on a copy of that state. Its idempotency keys would be forgotten one day, so their times are those of today.
fn on_the_state_of_0_1() -> Setup {
    let setup = hub().config(CONFIG).key(ALICE).plain();
    fs::create_dir_all(setup.path("state/journal")).unwrap();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now_ms = u64::try_from(since.as_millis()).unwrap();
    let snapshot = fs::read_to_string(fixture("state/state.yaml")).unwrap();
    fs::write(setup.path("state/state.yaml"), snapshot_of(&snapshot, now_ms)).unwrap();
    let segment = fs::read(fixture("state/journal/000002.log")).unwrap();
    fs::write(setup.path("state/journal/000002.log"), segment_of(segment, now_ms)).unwrap();
    setup
}

/// The snapshot with keys used at this time; `state/README.md` has the form of this file and the next.
fn snapshot_of(snapshot: &str, now_ms: u64) -> String {
    const AT: &str = "\"at_ms\": ";
    let mut text = String::new();
    for line in snapshot.lines().filter(|line| !line.starts_with("# crc32 ")) {
        match line.split_once(AT) {
            None => text += line,
            Some((before, behind)) => {
                let behind = behind.trim_start_matches(|digit: char| digit.is_ascii_digit());
                text += &format!("{before}{AT}{now_ms}{behind}");
            }
        }
        text.push('\n');
    }
    assert_ne!(text.matches(AT).count(), 0);
    let checksum = crc32fast::hash(text.as_bytes());
    format!("{text}# crc32 {checksum:08x}\n")
}

/// The segment with frames of this time.
fn segment_of(mut segment: Vec<u8>, now_ms: u64) -> Vec<u8> {
    let mut at = 32;
    while at < segment.len() {
        let frame = &mut segment[at..];
        assert!(frame.starts_with(b"NxF1"));
        let length = 40 + usize::try_from(u32::from_le_bytes(frame[4..8].try_into().unwrap())).unwrap();
        frame[32..40].copy_from_slice(&now_ms.to_le_bytes());
        let covered = [&frame[4..8], &frame[12..length]].concat();
        frame[8..12].copy_from_slice(&crc32fast::hash(&covered).to_le_bytes());
        at += length;
    }
    segment
}

async fn shows_the_same(hub: &Hub) {
    for (accept, expected) in [
        ("text/plain", "scrape.txt"),
        (
            "application/openmetrics-text; version=1.0.0; escaping=allow-utf-8",
            "scrape.openmetrics",
        ),
    ] {
        let reply = hub.get("/metrics").header("Accept", accept).send().await;
        let text = reply.text();
        let lines = text.lines().filter(|line| !line.contains("metric_nexus"));
        let found: Vec<&str> = lines.collect();
        let expected = fs::read_to_string(fixture(expected)).unwrap();
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{accept}");
    }
}

async fn repeat(hub: &Hub, owner: &str, request: &str, key: &str, body: &str) -> Reply {
    let (method, target) = request.split_once(' ').unwrap();
    let request = hub.request(method, target).key(owner).header("Idempotency-Key", key);
    request.body(body).send().await
}

async fn knows_the_repeats(hub: &Hub) {
    let increment = "PUT /ops_total/inc?__type__=counter&queue=a";
    for (owner, request, key, body, expected) in [
        (ALICE, increment, "inc-1", "", "204"),
        (BOB, "PUT /temp/sub?room=cellar", "sub-1", "0.75", "204"),
        (
            BOB,
            "POST /api/v1/batch",
            "bobs",
            r#"[{"op":"inc","metric":"bobs_total","type":"counter","labels":{"by":"bob"}}]"#,
            r#"200 {"changes":1,"created":1,"deleted":0}"#,
        ),
        (
            ALICE,
            "POST /api/v1/batch",
            "empty",
            "[]",
            r#"200 {"changes":0,"created":0,"deleted":0}"#,
        ),
    ] {
        let reply = repeat(hub, owner, request, key, body).await;
        assert_eq!(
            (reply.line(), reply.header("idempotency-replayed")),
            (expected.to_owned(), Some("true")),
            "{key}"
        );
    }
    let other = repeat(hub, ALICE, "PUT /ops_total/inc?queue=a", "inc-1", "").await;
    assert_eq!(other.status, 422, "{other}");
}

#[tokio::test]
async fn a_state_of_0_1_goes_on_where_it_was_killed() {
    let mut hub = on_the_state_of_0_1().start().await;
    for round in 0..3 {
        shows_the_same(&hub).await;
        knows_the_repeats(&hub).await;
        match round {
            0 => hub.kill().await,
            _ => drop(hub.terminate().await),
        }
        let written = fs::read_to_string(hub.state().join("state.yaml")).unwrap();
        assert!(written.starts_with("# Metric Nexus state, format 2. "), "{written}");
        hub.start().await;
    }
    hub.check("PUT /temp/add?room=cellar", "1", "204").await;
    assert_eq!(hub.value("/temp?room=cellar").await, "-3");
}

#[tokio::test]
async fn a_state_of_a_newer_format_is_refused_by_name() {
    let setup = on_the_state_of_0_1();
    let path = setup.path("state/state.yaml");
    let newer = fs::read_to_string(&path).unwrap().replace("format 1", "format 3");
    fs::write(&path, &newer).unwrap();
    let ended = setup.fail().await;
    assert!(
        ended
            .notes
            .contains("the format is 3, this version reads formats 1 to 2: use a newer metric-nexus"),
        "{ended:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), newer, "nothing was changed");
}
