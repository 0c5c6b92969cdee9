//! A process that counts and pushes is killed at random points, again and again; nothing that it was told is kept is lost, and
//! nothing is counted twice.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nexus_usage::{
    Amount, AtStart, Calendar, Checkpoints, Ledger, Limits, Mode, OnLoss, PostgresSettings, RedisSettings, Secret,
    Settings, SharedLedger, Time, Usage,
};

use super::{Store, subject};

const KILLS: u64 = 12;

/// Tells the process that is started by the test where to count.
const DIRECTORY: &str = "NEXUS_USAGE_TEST_DIRECTORY";
const STORE: &str = "NEXUS_USAGE_TEST_STORE";

#[tokio::test]
async fn a_writer_to_redis() {
    if env::var_os(DIRECTORY).is_some() {
        return count_until_killed().await;
    }
    if Store::Redis.is_there() {
        let server = super::redis().address().to_string();
        kill_again_and_again(
            "shared::kills::a_writer_to_redis",
            &format!("redis {server} {}", super::unique()),
        )
        .await;
    }
}

#[tokio::test]
async fn a_writer_to_postgres() {
    if env::var_os(DIRECTORY).is_some() {
        return count_until_killed().await;
    }
    if Store::Postgres.is_there() {
        let name = super::unique();
        super::create_database(&name);
        let store = format!("postgres {} -", super::postgres().url(&name));
        kill_again_and_again("shared::kills::a_writer_to_postgres", &store).await;
    }
}

fn open(store: &str) -> Ledger {
    let [kind, address, prefix] = store.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let slow = Duration::from_secs(20);
    match kind {
        "redis" => Ledger::redis(RedisSettings {
            key_prefix: prefix.to_owned(),
            ..super::patient(RedisSettings::one(address.parse().unwrap()))
        }),
        _ => Ledger::postgres(PostgresSettings {
            connect_timeout: slow,
            operation_timeout: slow,
            ..PostgresSettings::new(Secret::new(address))
        }),
    }
    .unwrap()
}

async fn start(directory: &Path, store: &str) -> Usage {
    let settings = Settings {
        checkpoints: Some(Checkpoints::open(directory.join("usage.db")).await.unwrap()),
        shared: Some(SharedLedger {
            ledger: open(store),
            at_start: AtStart::Required,
            on_loss: OnLoss::GoOn,
        }),
        operation_timeout: Duration::from_secs(50),
        push_interval: Duration::from_millis(1),
        push_fast_interval: Duration::from_millis(1),
        ..Settings::default()
    };
    Usage::open(settings).await.unwrap()
}

/// What the started process does: says what it is about to count, counts it, says when that is kept.
async fn count_until_killed() {
    let directory = env::var_os(DIRECTORY).unwrap();
    let usage = start(Path::new(&directory), &env::var(STORE).unwrap()).await;
    let handle = usage
        .register(&subject("killed"), Mode::Exact, Limits::UNLIMITED)
        .unwrap();
    let mut counted = 0;
    let say = |what: &str, counted: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{what} {counted}").and_then(|()| out.flush()).unwrap();
    };
    // Ends the line in which the harness says what it runs.
    println!();
    loop {
        let more = counted % 7 + 1;
        say("counting", counted + more);
        for _ in 0..more {
            handle.record(Amount::request(0, 0));
        }
        counted += more;
        usage.checkpoint().await.unwrap();
        say("kept", counted);
    }
}

async fn kill_again_and_again(test: &str, store: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (mut kept, mut counted) = (0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(STORE, store)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = kill_after(&mut child, 1 + kill * 11 % 40);
        kept += said.0;
        counted += said.1;
    }
    assert!(kept > 0);
    let usage = start(directory.path(), store).await;
    assert!(usage.close(Duration::from_secs(50)).await.unpushed.is_empty());
    let now = Calendar::UTC.period_of(Time::now());
    let sum = async |ledger: Ledger| ledger.report(now, now).await.unwrap()[0].totals.added.api_requests;
    let file = Checkpoints::open(directory.path().join("usage.db")).await.unwrap();
    let (local, shared) = (sum(file.ledger()).await, sum(open(store)).await);
    // The shared store may be ahead: it is told what was counted, whether or not that is in a checkpoint yet.
    assert!(local <= shared, "what is kept here is known there: {local}, {shared}");
    assert!(
        (kept..=counted).contains(&shared),
        "{kept} were kept, {counted} counted, {shared} are known"
    );
}

/// Kills the process after it has said so many things; answers what was kept and what was counted at most.
fn kill_after(child: &mut Child, lines: u64) -> (u64, u64) {
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut kept, mut counted, mut seen) = (0, 0, 0);
    // After the kill it is read to its end: what was said before counts.
    while let Some(Ok(line)) = said.next() {
        let number = |text: &str| text.parse::<u64>().ok();
        match line.split_once(' ') {
            Some(("counting", text)) => counted = number(text).unwrap_or(counted),
            Some(("kept", text)) => kept = number(text).unwrap_or(kept),
            _ => continue,
        }
        seen += 1;
        if seen == lines {
            child.kill().unwrap();
        }
    }
    assert!(seen >= lines, "it ended by itself");
    child.wait().unwrap();
    (kept, counted)
}
