//! Records that are read from a file as it grows.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

use nexus_usage_log::{
    UsageLog,
    ingest::tail::{Tail, TailCounts, TailSettings},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::harness::{PATIENCE, World, eventually, line, origin};

/// A tail that runs.
struct Running {
    tail: Tail,
    log: UsageLog,
    shutdown: oneshot::Sender<()>,
    run: JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(world: &World) -> Self {
        let mut settings = TailSettings::new(world.path("access.log"), world.path("position"), origin("nginx"));
        settings.poll_interval = Duration::from_millis(5);
        settings.rotated_kept = Duration::from_millis(200);
        settings.batch_bytes_max = 300;
        settings.line_bytes_max = 200;
        let log = world.open();
        let tail = Tail::new(log.clone(), settings);
        let (shutdown, stopped) = oneshot::channel::<()>();
        let running = tail.clone();
        let run = tokio::spawn(async move { running.run(async { drop(stopped.await) }).await });
        Running {
            tail,
            log,
            shutdown,
            run,
        }
    }

    async fn counts(&self, what: &str, is_so: impl Fn(&TailCounts) -> bool) {
        eventually(&format!("{what}: {:?}", self.tail.counts()), || {
            is_so(&self.tail.counts())
        })
        .await;
    }

    async fn recorded(&self, lines: u64) {
        let is_so = |counts: &TailCounts| counts.recorded >= lines && counts.behind_bytes == 0;
        self.counts(&format!("{lines} lines are recorded"), is_so).await;
    }

    async fn stop(self) -> TailCounts {
        self.shutdown.send(()).unwrap();
        self.run.await.unwrap().unwrap();
        self.log.close(PATIENCE);
        self.tail.counts()
    }
}

fn append(path: &Path, text: &str) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Lines with 10 bytes each, by their numbers.
fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| line(&number.to_string(), 10) + "\n").collect()
}

#[tokio::test]
async fn lines_are_stored_once_over_restarts_and_without_a_position() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    append(&path, &lines(0..50));
    running.recorded(50).await;
    running.stop().await;
    append(&path, &lines(50..60));
    let running = Running::start(&world);
    running.recorded(10).await;
    assert_eq!(running.stop().await.recorded, 10);
    fs::remove_file(world.path("position")).unwrap();
    let running = Running::start(&world);
    running.recorded(60).await;
    running.stop().await;
    assert_eq!(world.total("nginx"), (60, 600));
}

#[tokio::test]
async fn lines_of_the_combined_format_are_known_by_their_place() {
    let world = World::new();
    let path = world.path("access.log");
    let time = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
    let same = format!("192.0.2.7 - - [{time}] \"GET / HTTP/1.1\" 200 9 \"-\" \"-\"\n");
    append(&path, &same.repeat(20));
    for _ in 0..2 {
        let running = Running::start(&world);
        running.recorded(20).await;
        running.stop().await;
        fs::remove_file(world.path("position")).unwrap();
    }
    assert_eq!(world.total("nginx"), (20, 180));
}

#[tokio::test]
async fn a_rotation_loses_nothing_also_of_what_is_still_written_to_the_old_file() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    append(&path, &lines(0..10));
    running.recorded(10).await;
    fs::rename(&path, world.path("access.log.1")).unwrap();
    append(&world.path("access.log.1"), &lines(10..20));
    append(&path, &lines(20..30));
    running.counts("it rotated", |counts| counts.rotations == 1).await;
    append(&world.path("access.log.1"), &lines(30..40));
    running.recorded(40).await;
    let counts = running.stop().await;
    assert_eq!((counts.lost_files, counts.truncations, counts.malformed), (0, 0, 0));
    assert_eq!(world.total("nginx"), (40, 400));
}

#[tokio::test]
async fn rotations_while_nobody_looks_lose_nothing() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    append(&path, &lines(0..10));
    running.recorded(10).await;
    running.stop().await;
    append(&path, &lines(10..20));
    fs::rename(&path, world.path("access.log.2")).unwrap();
    append(&world.path("access.log.1"), &lines(20..30));
    append(&path, &lines(30..40));
    let running = Running::start(&world);
    running.recorded(30).await;
    let counts = running.stop().await;
    assert_eq!((counts.recorded, counts.lost_files), (30, 0));
    assert_eq!(world.total("nginx"), (40, 400));
}

#[tokio::test]
async fn a_file_that_is_gone_is_counted() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    append(&path, &lines(0..10));
    running.recorded(10).await;
    running.stop().await;
    fs::remove_file(&path).unwrap();
    append(&path, &lines(10..20));
    let running = Running::start(&world);
    running.recorded(10).await;
    assert_eq!(running.stop().await.lost_files, 1);
    assert_eq!(world.total("nginx"), (20, 200));
}

#[tokio::test]
async fn a_truncation_is_counted_and_what_follows_is_read() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    append(&path, &lines(0..10));
    running.recorded(10).await;
    fs::copy(&path, world.path("access.log.1")).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    running
        .counts("it was truncated", |counts| counts.truncations == 1)
        .await;
    append(&path, &lines(10..15));
    running.recorded(15).await;
    let counts = running.stop().await;
    assert_eq!((counts.recorded, counts.rotations), (15, 0));
    assert_eq!(world.total("nginx"), (15, 150));
}

#[tokio::test]
async fn a_line_waits_for_its_end() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    let (first, second) = (lines(0..1), lines(1..2));
    let (begun, ended) = second.split_at(20);
    append(&path, &format!("{first}{begun}"));
    running
        .counts("the first is recorded", |counts| counts.recorded == 1)
        .await;
    append(&path, ended);
    running.recorded(2).await;
    assert_eq!(running.stop().await.malformed, 0);
}

#[tokio::test]
async fn bad_lines_are_counted_and_skipped() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    let long = "x".repeat(1_000);
    append(
        &path,
        &format!(
            "nonsense\n{}{long}\n{}{long}\n\n{}",
            lines(0..5),
            lines(5..6),
            lines(6..7)
        ),
    );
    running.recorded(7).await;
    let counts = running.stop().await;
    assert_eq!((counts.recorded, counts.malformed, counts.too_long), (7, 2, 2));
    assert_eq!(world.total("nginx"), (7, 70));
}

#[tokio::test]
async fn a_rotated_file_that_ends_within_a_line_is_let_go() {
    let world = World::new();
    let path = world.path("access.log");
    let running = Running::start(&world);
    append(&path, &format!("{}{{\"id\"", lines(0..1)));
    running
        .counts("the first is recorded", |counts| counts.recorded == 1)
        .await;
    fs::rename(&path, world.path("access.log.1")).unwrap();
    append(&path, &lines(1..2));
    running
        .counts("the end is given up", |counts| counts.malformed == 1)
        .await;
    running.recorded(2).await;
    running.stop().await;
}
