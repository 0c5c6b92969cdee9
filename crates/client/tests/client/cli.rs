//! The command `nexus`, started as a script starts it, against a real hub.

mod spool;

use std::{path::Path, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::timeout,
};

use crate::harness::{KEY, Running, start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_nexus");
/// How long any run may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A directory to run the command in, and the environment that it has there.
struct Shell {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What the command said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Shell {
    /// Without any settings.
    fn bare() -> Self {
        Shell {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    fn of(hub: &Running) -> Self {
        let ca = hub.hub.ca_file().unwrap().display().to_string();
        Shell::bare()
            .with("METRIC_NEXUS_URL", format!("https://{}", hub.address))
            .with("METRIC_NEXUS_KEY", KEY)
            .with("METRIC_NEXUS_CA", ca)
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(PROGRAM);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("METRIC_NEXUS_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().unwrap()
    }

    async fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let feed = async move {
            // It need not read all that it is given.
            let _ = stdin.write_all(input.as_bytes()).await;
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1.unwrap() };
        let output = timeout(DEADLINE, both).await.unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Words as a shell takes them apart, but for quotes.
    async fn run(&self, line: &str) -> Said {
        self.run_with(&line.split(' ').collect::<Vec<_>>(), "").await
    }

    #[track_caller]
    fn check(said: &Said, code: i32, out: &str, err: &str) {
        assert_eq!((said.code, &*said.out), (Some(code), out), "{said:?}");
        assert!(
            said.err.contains(err) && said.err.is_empty() == err.is_empty(),
            "{said:?}"
        );
    }

    /// The command's exit code, all of its output, and a part of what it says to people.
    async fn expect(&self, line: &str, code: i32, out: &str, err: &str) {
        Shell::check(&self.run(line).await, code, out, err);
    }
}

#[tokio::test]
async fn each_verb_does_what_the_original_did_and_says_nothing() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    let created = shell.run_with(&["create", "demo", "a demo key"], "").await;
    Shell::check(&created, 0, "", "");
    shell.expect("set demo 5", 0, "", "").await;
    shell.expect("get demo", 0, "5\n", "").await;
    shell.expect("inc demo", 0, "", "").await;
    shell.expect("dec demo", 0, "", "").await;
    shell.expect("add demo 2.5", 0, "", "").await;
    shell.expect("sub demo 10", 0, "", "").await;
    shell.expect("read demo", 0, "-2.5\n", "").await;
    shell.expect("update demo -4", 0, "", "").await;
    shell.expect("add demo -- -4", 0, "", "").await;
    shell.expect("get demo", 0, "-8\n", "").await;
    shell.expect("set demo -- -Inf", 0, "", "").await;
    shell
        .expect(
            "get DEMO --json",
            0,
            "{\"labels\":{},\"metric\":\"demo\",\"value\":\"-Inf\"}\n",
            "",
        )
        .await;
    shell.expect("delete demo", 0, "", "").await;
    shell.expect("get demo", 1, "", "there is no metric demo").await;
    hub.stop().await;
}

#[tokio::test]
async fn labels_types_and_buckets_make_series() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    shell
        .expect("inc jobs queue=mail", 1, "", "nexus: there is no metric jobs")
        .await;
    shell
        .expect("inc jobs queue=mail --type counter --help-text Jobs", 0, "", "")
        .await;
    shell.expect("add jobs queue=mail 4", 0, "", "").await;
    shell.expect("get jobs queue=mail", 0, "5\n", "").await;
    shell
        .expect("observe seconds 0.25 --buckets 0.1,1 --unit seconds", 0, "", "")
        .await;
    shell
        .expect("dec jobs queue=mail", 1, "", "cannot go down from 5 to 4")
        .await;
    let all = "jobs{queue=\"mail\"} 5\nseconds_count 1\nseconds_sum 0.25\n";
    shell.expect("list", 0, all, "").await;
    shell
        .expect(
            "list jobs --json",
            0,
            "{\"labels\":{\"queue\":\"mail\"},\"metric\":\"jobs\",\"value\":5}\n",
            "",
        )
        .await;
    shell.expect("list {", 1, "", "nexus: ").await;
    shell.expect("delete jobs queue=mail", 0, "", "").await;
    shell.expect("list jobs", 0, "", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn exit_codes_tell_what_to_do() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    shell.expect("get x", 1, "", "there is no metric x").await;
    shell
        .expect("get x --key wrong", 1, "", "Invalid or expired API Key")
        .await;
    let pin = "00".repeat(32);
    let untrusted = shell.run(&format!("get x --fingerprint {pin}")).await;
    Shell::check(
        &untrusted,
        1,
        "",
        &format!("its authority's sha256:{}", hub.hub.fingerprint().unwrap()),
    );
    for wrong in [
        "explode x",
        "inc",
        "inc x 4",
        "set x",
        "set x four",
        "inc x a=1 a=2",
        "inc x --type thing",
        "get x --timeout 3",
    ] {
        let said = shell.run(wrong).await;
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{wrong}: {said:?}");
    }
    shell
        .expect("get x --url ftp://h", 2, "", "must begin with https:// or http://")
        .await;
    shell
        .expect(
            "get x --url http://127.0.0.1:1 --timeout 200ms",
            3,
            "",
            "cannot reach http://127.0.0.1:1/",
        )
        .await;
    let said = shell.run("get x --json").await;
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((&error["exit"], &error["status"]), (&1.into(), &404.into()));
    shell.expect("get x --quiet", 1, "", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn without_settings_it_says_what_to_set() {
    let shell = Shell::bare();
    for line in ["get x", "inc x"] {
        let said = shell.run(line).await;
        let example = "  export METRIC_NEXUS_URL=https://127.0.0.1:3000 METRIC_NEXUS_CA=/path/to/state/tls/ca.pem METRIC_NEXUS_KEY=mnx_…\n";
        Shell::check(&said, 2, "", example);
    }
    Shell::check(&shell.run_with(&[], "").await, 2, "", "METRIC_NEXUS_KEY is not set");
    let help = shell.run("--help").await;
    assert!(help.code == Some(0) && help.out.contains("Exit codes:"), "{help:?}");
}

#[tokio::test]
async fn a_key_may_come_from_a_file() {
    let hub = start().await;
    let shell = Shell::of(&hub)
        .with("METRIC_NEXUS_KEY", "")
        .with("METRIC_NEXUS_KEY_FILE", "key");
    std::fs::write(shell.path("key"), format!("{KEY}\n")).unwrap();
    shell.expect("set g 1 --type gauge", 0, "", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_command_under_a_key_of_the_script_s_counts_once() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    for replayed in ["false", "true", "true"] {
        // The answer is that of the first time.
        let said = format!("{{\"changes\":1,\"created\":1,\"deleted\":0,\"replayed\":{replayed}}}\n");
        let line = "inc jobs --type counter --idempotency-key run-7 --json";
        shell.expect(line, 0, &said, "").await;
    }
    shell.expect("get jobs", 0, "1\n", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn who_waits_is_there_when_the_hub_comes() {
    let hub = start().await;
    let address = hub.address;
    let shell = Shell::of(&hub).with("METRIC_NEXUS_CA", "");
    hub.stop().await;
    let waiting = shell.spawn(&[
        "inc",
        "jobs",
        "--type",
        "counter",
        "--wait",
        "--danger-accept-any-certificate",
    ]);
    let second = crate::harness::start_at(address).await;
    let said = timeout(DEADLINE, waiting.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert_eq!(second.client().read("jobs").await.unwrap(), 1.0);
    second.stop().await;
}

fn items(count: usize) -> String {
    let item = |number| {
        format!("{{\"op\":\"inc\",\"metric\":\"pushed\",\"type\":\"counter\",\"labels\":{{\"n\":\"{number}\"}}}}\n")
    };
    (0..count).map(item).collect()
}

#[tokio::test]
async fn many_changes_are_pushed_in_batches() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    let said = shell
        .run_with(&["push", "-", "--batch-items-max", "1000", "--json"], &items(2500))
        .await;
    Shell::check(&said, 0, "{\"batches\":3,\"changes\":2500}\n", "");
    std::fs::write(
        shell.path("array.json"),
        format!("[{}]", items(3).trim().replace('\n', ",\n")),
    )
    .unwrap();
    shell.expect("push array.json", 0, "", "").await;
    shell.expect("get pushed n=2", 0, "2\n", "").await;
    shell.expect("get pushed n=2499", 0, "1\n", "").await;
    shell
        .expect(
            "push missing.json",
            2,
            "",
            "missing.json: cannot be opened: No such file",
        )
        .await;
    hub.stop().await;
}

#[tokio::test]
async fn a_push_that_is_refused_says_how_far_it_got() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    let refused = "{\"op\":\"inc\",\"metric\":\"nowhere\"}\n";
    let file = [items(2), "\n".to_owned(), refused.to_owned(), items(1)].concat();
    std::fs::write(shell.path("f"), file).unwrap();
    let said = shell.run("push f --batch-items-max 2").await;
    Shell::check(&said, 1, "", "f:4: there is no metric nowhere");
    assert!(
        said.err
            .contains("; the 2 changes up to line 2 are done, nothing behind it is"),
        "{said:?}"
    );
    shell.expect("push f", 1, "", "; nothing was changed").await;
    let said = shell
        .run_with(
            &["push", "-", "--batch-items-max", "1"],
            &format!("{}nonsense", items(1)),
        )
        .await;
    Shell::check(&said, 2, "", "standard input: line 2: expected a change");
    assert!(said.err.contains("the 1 changes up to line 1 are done"), "{said:?}");
    shell.expect("get pushed n=0", 0, "2\n", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_push_can_be_repeated_under_the_same_key() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    std::fs::write(shell.path("f"), items(5)).unwrap();
    for _ in 0..2 {
        shell
            .expect("push f --batch-items-max 2 --idempotency-key night-1", 0, "", "")
            .await;
    }
    shell.expect("get pushed n=4", 0, "1\n", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    shell.run_with(&["push", "-"], &items(3000)).await;
    let mut listing = shell.spawn(&["list"]);
    drop(listing.stdout.take());
    let said = timeout(DEADLINE, listing.wait_with_output()).await.unwrap().unwrap();
    assert_eq!((said.status.code(), said.stderr), (Some(0), Vec::new()));
    hub.stop().await;
}

#[tokio::test]
async fn an_interrupt_ends_it_and_says_so() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    // It waits for its input.
    let mut push = shell.spawn(&["push", "-", "--batch-items-max", "1"]);
    let mut stdin = push.stdin.take().unwrap();
    stdin.write_all(items(1).as_bytes()).await.unwrap();
    while hub.client().metric("pushed").label("n", "0").read().await.is_err() {
        tokio::task::yield_now().await;
    }
    signal(&push, "INT");
    let said = timeout(DEADLINE, push.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(said.status.code(), Some(130), "{said:?}");
    assert!(
        String::from_utf8_lossy(&said.stderr).starts_with("nexus: interrupted"),
        "{said:?}"
    );
    hub.stop().await;
}

fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let killed = std::process::Command::new("kill")
        .args([&format!("-{name}"), &id])
        .status();
    assert!(killed.unwrap().success());
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn the_hub_s_authority_is_fetched_and_verified_by_its_fingerprint() {
    let hub = start().await;
    let url = format!("https://{}", hub.address);
    let fingerprint = hub.hub.fingerprint().unwrap();
    let shell = Shell::bare();
    let said = shell
        .run(&format!("trust {url} --fingerprint sha256:{fingerprint}"))
        .await;
    let ca = std::fs::read_to_string(hub.hub.ca_file().unwrap()).unwrap();
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(said.out.replace("\r\n", "\n"), ca.replace("\r\n", "\n"));
    // What was fetched is enough for everything else.
    std::fs::write(shell.path("ca.pem"), &said.out).unwrap();
    let shell = Shell {
        directory: shell.directory,
        variables: Shell::of(&hub).variables,
    };
    let ca = shell.path("ca.pem").display().to_string();
    shell
        .expect(&format!("inc trusted_total --type counter --ca {ca}"), 0, "", "")
        .await;

    let other = "0".repeat(64);
    shell
        .expect(&format!("trust {url} --fingerprint {other}"), 1, "", "is not trusted")
        .await;
    let missing = format!("has sha256:{fingerprint}: compare");
    Shell::bare().expect(&format!("trust {url}"), 2, "", &missing).await;
    shell
        .expect(
            "trust http://127.0.0.1:1 --fingerprint 00",
            2,
            "",
            "64 hexadecimal digits",
        )
        .await;
}

#[tokio::test]
async fn a_line_end_behind_the_key_is_not_of_it_wherever_it_comes_from() {
    let hub = start().await;
    for around in [format!("{KEY}\n"), format!("{KEY}\r\n"), format!("\u{feff}{KEY}\n")] {
        let shell = Shell::of(&hub).with("METRIC_NEXUS_KEY", &*around);
        shell.expect("inc lines_total --type counter", 0, "", "").await;
        std::fs::write(shell.path("key"), &around).unwrap();
        let file = shell.path("key").display().to_string();
        shell
            .expect(&format!("inc lines_total --key-file {file}"), 0, "", "")
            .await;
    }
    Shell::of(&hub).expect("get lines_total", 0, "6\n", "").await;
    Shell::of(&hub).expect("set below -inf --type gauge", 0, "", "").await;
    Shell::of(&hub).expect("get below", 0, "-Inf\n", "").await;
}
