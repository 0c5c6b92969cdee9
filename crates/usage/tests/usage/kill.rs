//! A process that counts and is killed, again and again, at any moment.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nexus_usage::{AtStart, Checkpoints, Ledger, Mode, OnLoss, Settings, SharedLedger, Usage};

use crate::harness::{ONE, handle, totals_in};

/// The directory in which this process, started by the test, is to count until it is killed.
const COUNT_IN: &str = "NEXUS_USAGE_COUNT_IN";
const KILLS: usize = 12;
const TEST: &str = "kill::a_process_killed_at_any_moment_has_counted_all_it_acknowledged_and_nothing_twice";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_moment_has_counted_all_it_acknowledged_and_nothing_twice() {
    if let Some(directory) = std::env::var_os(COUNT_IN) {
        return count_until_killed(Path::new(&directory)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut least, mut most) = (0, 0);
    for kill in 0..KILLS {
        let mut child = start(directory.path());
        // Moments of all sorts: at the first acknowledgement, among many, and in the middle of a write.
        let (acknowledged, begun) = read_until(&mut child, 1 + kill * kill);
        least += acknowledged;
        most += begun;
    }
    let usage = open(directory.path()).await;
    usage.flush().await.unwrap();
    assert_eq!(
        usage.status().crashed.len(),
        1,
        "the last one; those before it were found by the next"
    );
    let kept = totals_in(
        &Checkpoints::open(directory.path().join("usage.db"))
            .await
            .unwrap()
            .ledger(),
    )
    .await;
    let shared = totals_in(&Ledger::sqlite(directory.path().join("shared.db")).await.unwrap()).await;
    assert_eq!(
        kept, shared,
        "the shared ledger knows what is kept, no more and no less"
    );
    let counted: u64 = kept.values().map(|totals| totals.used().api_requests).sum();
    assert!(
        (least..=most).contains(&counted),
        "{counted} of {least} acknowledged and {most} begun"
    );
    usage.close(Duration::from_secs(10)).await;
}

/// The same program, told to run this test only, and in it to count.
fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(COUNT_IN, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Kills it after this many acknowledgements. Answers how much it had acknowledged, and how much it had begun to count.
fn read_until(child: &mut Child, acknowledgements: usize) -> (u64, u64) {
    let (mut acknowledged, mut begun, mut count) = (0, 0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // What is in the pipe when it is killed was said before, and counts.
        if let Some(number) = line.strip_prefix("begun ") {
            begun = number.parse().unwrap_or(begun);
        } else if let Some(number) = line.strip_prefix("acknowledged ") {
            acknowledged = number.parse().unwrap_or(acknowledged);
            count += 1;
            if count == acknowledgements {
                child.kill().unwrap();
            }
        }
    }
    let status = child.wait().unwrap();
    assert!(count >= acknowledgements, "it ended by itself: {status}");
    (acknowledged, begun)
}

async fn count_until_killed(directory: &Path) {
    let usage = open(directory).await;
    let handle = handle(&usage, Mode::Exact, 0);
    let mut counted = 0_u64;
    // Ends the line in which the harness says what it runs.
    println!();
    loop {
        // Said before it is done: a line that is cut by the kill is one that was not begun.
        let next = counted + 1 + counted % 7;
        println!("begun {next}");
        (counted..next).for_each(|_| handle.record(ONE));
        counted = next;
        usage.checkpoint().await.unwrap();
        println!("acknowledged {counted}");
    }
}

async fn open(directory: &Path) -> Usage {
    let shared = SharedLedger {
        ledger: Ledger::sqlite(directory.join("shared.db")).await.unwrap(),
        at_start: AtStart::Required,
        on_loss: OnLoss::GoOn,
    };
    let settings = Settings {
        checkpoints: Some(Checkpoints::open(directory.join("usage.db")).await.unwrap()),
        shared: Some(shared),
        push_interval: Duration::from_millis(3),
        push_fast_interval: Duration::from_millis(3),
        ..Settings::default()
    };
    Usage::open(settings).await.unwrap()
}
