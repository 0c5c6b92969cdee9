//! What was acknowledged survives what the durability mode says it survives.
//!
//! Eight writers count through connections of their own while snapshots are taken, and the hub is killed after a random
//! number of acknowledgements. After each restart every counter stands between what was acknowledged and that plus what
//! was under way when the hub died, and the two halves of a batch are equal.
//!
//! `NEXUS_TEST_SEED` repeats a run, `NEXUS_TEST_KILLS` makes it longer.

use std::{
    env, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
    time::timeout,
};

use super::{hub::Place, programs::DEADLINE};

const WRITERS: usize = 8;
/// The hub dies after at most this many acknowledgements.
const ACKS_MAX: u64 = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_that_was_acknowledged_in_sync_mode() {
    survives("sync", End::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_that_was_acknowledged_in_flush_mode() {
    survives("flush", End::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_loses_nothing_that_was_acknowledged_in_snapshot_mode() {
    survives("snapshot", End::Terminated).await;
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Killed,
    Terminated,
}

/// What is counted: each writer's own counter, one that all of them share, and two that only rise together.
const SHARED: usize = WRITERS;
const LEFT: usize = WRITERS + 1;
const RIGHT: usize = WRITERS + 2;
const COUNTERS: usize = WRITERS + 3;

fn path(counter: usize) -> String {
    match counter {
        SHARED => "/shared_total".to_owned(),
        LEFT => "/pair_total?side=left".to_owned(),
        RIGHT => "/pair_total?side=right".to_owned(),
        writer => format!("/own_total?writer={writer}"),
    }
}

/// What the writers know of each counter.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: [AtomicU64; COUNTERS],
    unknown: [AtomicU64; COUNTERS],
    /// In this round.
    acks: AtomicU64,
    /// In all rounds.
    writes_unknown: AtomicU64,
    /// After each acknowledgement.
    more: Notify,
}

impl Ledger {
    fn note(&self, counters: &[usize], acknowledged: bool) {
        let ledger = if acknowledged {
            &self.acknowledged
        } else {
            &self.unknown
        };
        for counter in counters {
            ledger[*counter].fetch_add(1, Relaxed);
        }
        if acknowledged {
            self.acks.fetch_add(1, Relaxed);
            self.more.notify_one();
        } else {
            self.writes_unknown.fetch_add(1, Relaxed);
        }
    }

    /// There are so many in this round, or all writers have ended.
    async fn reaches(&self, acks: u64) {
        while self.acks.load(Relaxed) < acks {
            timeout(DEADLINE, self.more.notified())
                .await
                .expect("the hub acknowledges in time");
        }
    }
}

async fn survives(durability: &str, end: End) {
    let kills = env::var("NEXUS_TEST_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut random = Random::seeded();
    eprintln!("{durability}: NEXUS_TEST_SEED={}", random.0);
    let arguments = ["--plain-http", "--durability", durability];
    let (place, ledger) = (Place::new(), Arc::new(Ledger::default()));
    let mut hub = place.hub(&arguments).await;
    let mut total = 0;
    for round in 1..=kills {
        ledger.acks.store(0, Relaxed);
        let goal = random.below(ACKS_MAX + 1);
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let client = Client::new(hub.address, &place);
            writers.spawn(write(client, writer, Arc::clone(&ledger), Random(random.next())));
        }
        writers.spawn(snapshots(Client::new(hub.address, &place)));
        ledger.reaches(goal).await;
        match end {
            End::Killed => hub.kill().await,
            End::Terminated => {
                hub.terminate().await;
                assert_eq!(hub.ended().await.code(), Some(0));
            }
        }
        timeout(DEADLINE, writers.join_all()).await.expect("the writers notice");
        total += ledger.acks.load(Relaxed);
        hub = place.hub(&arguments).await;
        check(
            &mut Client::new(hub.address, &place),
            &ledger,
            &format!("{durability}, round {round}"),
        )
        .await;
    }
    hub.stop().await;
    place.run(&["state", "check"]).await.ok();
    let unknown = ledger.writes_unknown.load(Relaxed);
    eprintln!("{durability}: {kills} ends ({end:?}), {total} acknowledged, {unknown} with unknown outcome, 0 lost");
    assert!(kills == 0 || total > 0);
}

/// Counts until the hub is gone.
async fn write(mut client: Client, writer: usize, ledger: Arc<Ledger>, mut random: Random) {
    loop {
        let (counters, method, path, body) = match random.below(4) {
            0 => (
                vec![SHARED],
                "PUT",
                "/shared_total/inc?__type__=counter".to_owned(),
                String::new(),
            ),
            1 => (vec![LEFT, RIGHT], "POST", "/api/v1/batch".to_owned(), pair()),
            _ => (
                vec![writer],
                "PUT",
                format!("/own_total/inc?writer={writer}&__type__=counter"),
                String::new(),
            ),
        };
        match client.ask(method, &path, &body).await {
            Ok((200 | 204, _)) => ledger.note(&counters, true),
            // A hub that is stopping says so, and has done nothing.
            Ok((503, said)) if said.contains("stopping") => return,
            Ok(other) => panic!("{method} {path}: {other:?}"),
            Err(Failed::Unsent) => return,
            Err(Failed::Unknown) => return ledger.note(&counters, false),
        }
    }
}

fn pair() -> String {
    ["left", "right"]
        .map(|side| format!(r#"{{"op":"inc","metric":"pair_total","labels":{{"side":"{side}"}},"type":"counter"}}"#))
        .join("\n")
}

/// Snapshots all the time, so that the hub also dies in the middle of one.
async fn snapshots(mut client: Client) {
    while let Ok((status, said)) = client.ask("POST", "/api/v1/admin/snapshot", "").await {
        assert!(
            status == 200 || said.contains("stop") || said.contains("closed"),
            "{status} {said}"
        );
    }
}

async fn check(client: &mut Client, ledger: &Ledger, when: &str) {
    let mut values = [0; COUNTERS];
    for (counter, value) in values.iter_mut().enumerate() {
        let (acknowledged, unknown) = (
            ledger.acknowledged[counter].load(Relaxed),
            ledger.unknown[counter].load(Relaxed),
        );
        let path = path(counter);
        *value = match client.ask("GET", &path, "").await.expect("the hub answers") {
            (200, said) => said.parse().expect("a whole number"),
            (404, _) => 0,
            other => panic!("{when}: GET {path}: {other:?}"),
        };
        assert!(
            (acknowledged..=acknowledged + unknown).contains(value),
            "{when}: {path} is {value}, but {acknowledged} were acknowledged and {unknown} are unknown"
        );
        // What came of the unknown is known now.
        ledger.acknowledged[counter].store(*value, Relaxed);
        ledger.unknown[counter].store(0, Relaxed);
    }
    assert_eq!(values[LEFT], values[RIGHT], "{when}: half of a batch");
}

/// Why there was no answer.
#[derive(Debug)]
enum Failed {
    /// There was no connection, so nothing happened.
    Unsent,
    /// It may or may not have happened.
    Unknown,
}

/// One connection that is kept.
struct Client {
    address: SocketAddr,
    key: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    fn new(address: SocketAddr, place: &Place) -> Self {
        Client {
            address,
            key: place.admin_key(),
            connection: None,
        }
    }

    /// The answer's status and body.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String), Failed> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(self.address).await.map_err(|_| Failed::Unsent)?),
        };
        let exchange = exchange(&mut connection, method, path, &self.key, body);
        let answer = timeout(DEADLINE, exchange).await.expect("the hub answers in time");
        let (status, said, kept) = answer.map_err(|_| Failed::Unknown)?;
        self.connection = kept.then_some(connection);
        Ok((status, said))
    }
}

/// Status, body, and whether the connection stays.
async fn exchange(
    connection: &mut BufReader<TcpStream>,
    method: &str,
    path: &str,
    key: &str,
    body: &str,
) -> io::Result<(u16, String, bool)> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.to_ascii_lowercase());
    }
    let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    connection.read_exact(&mut body).await?;
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let kept = !head.iter().any(|line| line.trim() == "connection: close");
    Ok((status, String::from_utf8_lossy(&body).into_owned(), kept))
}

/// Splitmix64: enough to choose moments, and repeatable.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = env::var("NEXUS_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
        Random(seed.unwrap_or_else(|| getrandom::u64().unwrap()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
