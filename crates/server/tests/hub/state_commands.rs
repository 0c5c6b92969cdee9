//! What `metric-nexus state` does for somebody whose state is damaged, or who edited it.

use std::{fs, path::Path};

use crate::harness::{Ended, Hub, fits, hub};

async fn state(hub: &Hub, arguments: &[&str]) -> Ended {
    let directory = hub.state().display().to_string();
    let line = [&["state"], arguments, &[&directory]].concat();
    hub.setup.command_line(&line).await
}

#[track_caller]
fn done(ended: &Ended, expected: &str) {
    assert_eq!((ended.code, ended.notes.as_str()), (Some(0), ""), "{ended:?}");
    assert!(fits(&ended.output, expected), "{} instead of {expected}", ended.output);
}

#[track_caller]
fn failed(ended: &Ended, output: &str, notes: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(fits(&ended.output, output), "{} instead of {output}", ended.output);
    assert!(fits(&ended.notes, notes), "{} instead of {notes}", ended.notes);
}

async fn filled() -> Hub {
    let hub = hub().start().await;
    hub.check("POST /jobs_total?__type__=counter", "", "201 Created").await;
    hub.check("POST /temperature?room=hall", "", "201 Created").await;
    hub.check("PUT /jobs_total/add", "5", "204").await;
    hub.check("PUT /temperature?room=hall", "21.5", "204").await;
    hub
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn a_value_edited_by_hand_is_refused_explained_and_accepted() {
    let mut hub = filled().await;
    assert_eq!(hub.terminate().await.code(), Some(0));
    let file = hub.state().join("state.yaml");
    done(
        &state(&hub, &["accept"]).await,
        "…: sound as it is, nothing to accept\n",
    );

    replace(&file, "\"value\": 21.5", "\"value\": 19.25");
    let edited = fs::read_to_string(&file).unwrap();
    let refused = hub.setup.fail().await;
    failed(&refused, "", "…state.yaml: its checksum is wrong: …state accept…");
    failed(
        &state(&hub, &["check"]).await,
        "…2 metrics, 2 series, 0 idempotency keys, …\ndamage: …its checksum is wrong: if you edited it, …state accept…\n…",
        "…damaged in 1 place\n",
    );
    done(
        &state(&hub, &["accept"]).await,
        "…state.yaml: accepted, 2 metrics, 2 series; stands for change …\n…state.yaml.before-accept: the file as it was\n\
         the journal holds nothing newer: the hub starts with exactly this\n",
    );
    assert_eq!(
        fs::read_to_string(hub.state().join("state.yaml.before-accept")).unwrap(),
        edited
    );
    done(&state(&hub, &["check"]).await, "…sound: 2 metrics, 2 series, …");
    hub.start().await;
    hub.check("GET /temperature?room=hall", "", "200 19.25").await;
    hub.check("GET /jobs_total", "", "200 5").await;
    hub.check("PUT /jobs_total/inc", "", "204").await;
    hub.crash().await;
    hub.check("GET /jobs_total", "", "200 6").await;
}

#[tokio::test]
async fn all_mistakes_of_an_edited_file_are_named_and_nothing_is_changed() {
    let mut hub = filled().await;
    assert_eq!(hub.terminate().await.code(), Some(0));
    let file = hub.state().join("state.yaml");
    replace(&file, "\"value\": 21.5", "\"value\": warm");
    replace(&file, "\"kind\": \"counter\"", "\"kind\": \"contour\"");
    let edited = fs::read_to_string(&file).unwrap();
    failed(
        &state(&hub, &["accept"]).await,
        "",
        "…cannot be taken over:\n  line 4: unknown type \"contour\"…\n  line 7: …jobs_total…\n  line 8: …\n",
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    assert!(!hub.state().join("state.yaml.before-accept").exists());
}

#[tokio::test]
async fn a_file_that_a_yaml_tool_rewrote_is_accepted() {
    let mut hub = filled().await;
    assert_eq!(hub.terminate().await.code(), Some(0));
    let file = hub.state().join("state.yaml");
    let value: serde_json::Value = yaml_serde::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::write(&file, yaml_serde::to_string(&value).unwrap()).unwrap();
    let refused = hub.setup.fail().await;
    failed(
        &refused,
        "",
        "…state.yaml was rewritten by another program: …state accept…",
    );
    done(&state(&hub, &["accept"]).await, "…: accepted, 2 metrics, 2 series; …");
    hub.start().await;
    hub.check("GET /temperature?room=hall", "", "200 21.5").await;
}

#[tokio::test]
async fn a_damaged_state_is_repaired_beside_it() {
    let mut hub = filled().await;
    hub.kill().await;
    let segment = hub.state().join("journal/000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[76] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    failed(
        &state(&hub, &["check"]).await,
        "…state.yaml: not there\n…; 3 frames, 3 writes, changes 2 to 4\ndamage: …000001.log is damaged at offset 48: …\n\
         damage: changes 1 to 1 are missing: …\nsound in spite of the damage …\n",
        "…damaged in 2 places\n",
    );
    let json = state(&hub, &["check", "--json"]).await;
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!(json["sound"], false);
    assert_eq!(json["damage"][0]["offset"], 48);
    assert_eq!(json["damage"][1]["last_change_lost"], 1);
    assert_eq!(json["segments"][0]["frames"], 3);

    let inside = hub.state().join("new").display().to_string();
    failed(
        &state(&hub, &["repair", "--into", &inside]).await,
        "",
        "…is to stay as it is: name another directory\n",
    );
    let itself = hub.state().display().to_string();
    failed(
        &state(&hub, &["repair", "--into", &itself]).await,
        "",
        "…is not empty: name a new directory\n",
    );
    // The first change made the counter; what was added to it later says nothing of its kind.
    let into = hub.setup.path("repaired");
    done(
        &state(&hub, &["repair", "--into", &into.display().to_string()]).await,
        "left out: …is damaged at offset 48: …bytes cannot be read)\nleft out: changes 1 to 1 are missing: …\n\
         …repaired/state.yaml: 1 metrics, 1 series, 0 idempotency keys, up to change 4; 3 writes of them from the journal\n\
         …keys.yaml: copied\n…tls/ca.key: copied\n…",
    );
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    assert!(!hub.state().join("state.yaml").exists());
    let key = hub.key.clone();
    let repaired = crate::harness::hub().state(&into).key(&key).start().await;
    repaired.check("GET /temperature?room=hall", "", "200 21.5").await;
    repaired.check("GET /jobs_total", "", "404 …").await;
    repaired
        .check("POST /jobs_total?__type__=counter", "", "201 Created")
        .await;
}

#[tokio::test]
async fn beside_a_running_hub_a_state_is_only_looked_at() {
    let hub = filled().await;
    let pid = hub.pid();
    let checked = state(&hub, &["check"]).await;
    done(
        &checked,
        &format!("note: a hub (process {pid}) runs on this state; …\n…sound: 2 metrics, 2 series, …"),
    );
    let json = state(&hub, &["check", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!((&json["hub_pid"], &json["sound"]), (&pid.into(), &true.into()));
    let refusal = format!("…a hub (process {pid}) runs on …: stop it first…");
    let into = hub.setup.path("new").display().to_string();
    failed(&state(&hub, &["repair", "--into", &into]).await, "", &refusal);
    failed(&state(&hub, &["accept"]).await, "", &refusal);
    assert!(!Path::new(&into).exists());
    // And the hub goes on.
    hub.check("GET /jobs_total", "", "200 5").await;
}
