//! What was acknowledged survives what the durability mode says it survives, and counts once.
//!
//! Eight writers count through connections of their own while snapshots are taken, and the hub is killed after a random
//! number of acknowledgements. After each restart every counter stands between what was acknowledged and that plus what
//! was under way when the hub died, and the two halves of a batch are equal. Then all that was under way is sent again
//! under its idempotency key, and so is the last write of each writer that was acknowledged: every counter is exact.
//!
//! `NEXUS_TEST_SEED` repeats a run, `NEXUS_TEST_KILLS` makes it longer.

mod client;

use std::{
    array, env,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use client::{Client, Failed, Request};
use tokio::{sync::Notify, task::JoinSet, time::timeout};

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

async fn survives(durability: &str, end: End) {
    let kills = env::var("NEXUS_TEST_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut random = Random::seeded();
    eprintln!("{durability}: NEXUS_TEST_SEED={}", random.0);
    let arguments = ["--plain-http", "--durability", durability];
    let (place, ledger) = (Place::new(), Arc::new(Ledger::default()));
    let mut hub = place.hub(&arguments).await;
    for round in 1..=kills {
        let writers = start_writers(hub.address, &place, &ledger, &mut random);
        let more = random.below(ACKS_MAX + 1);
        ledger.reaches(ledger.acks() + more).await;
        match end {
            End::Killed => hub.kill().await,
            End::Terminated => {
                hub.terminate().await;
                assert_eq!(hub.ended().await.code(), Some(0));
            }
        }
        timeout(DEADLINE, writers.join_all()).await.expect("the writers notice");
        hub = place.hub(&arguments).await;
        let mut client = Client::new(hub.address, &place);
        check(&mut client, &ledger, &format!("{durability}, round {round}")).await;
    }
    hub.stop().await;
    place.run(&["state", "check"]).await.ok();
    let acks = ledger.acks();
    let Counts { repeated, replayed, .. } = *ledger.counts.lock().unwrap();
    eprintln!(
        "{durability}: {kills} ends ({end:?}), {acks} writes acknowledged, 0 lost; {repeated} repeated, \
         {replayed} of which had happened, 0 counted twice"
    );
    assert!(kills == 0 || acks > 0);
}

fn start_writers(address: SocketAddr, place: &Place, ledger: &Arc<Ledger>, random: &mut Random) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = Client::new(address, place);
        writers.spawn(write(client, writer, Arc::clone(ledger), Random(random.next())));
    }
    writers.spawn(snapshots(Client::new(address, place)));
    writers
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

/// A write, and the counters that it adds one to.
#[derive(Debug, Clone)]
struct Increment {
    counters: Vec<usize>,
    request: Request,
}

impl Increment {
    fn any(writer: usize, random: &mut Random) -> Self {
        let (counters, mut request) = match random.below(4) {
            0 => (vec![SHARED], Request::new("PUT", "/shared_total/inc?__type__=counter")),
            1 => (vec![LEFT, RIGHT], Request::new("POST", "/api/v1/batch")),
            _ => {
                let path = format!("/own_total/inc?writer={writer}&__type__=counter");
                (vec![writer], Request::new("PUT", path))
            }
        };
        if request.method == "POST" {
            let side =
                |side| format!(r#"{{"op":"inc","metric":"pair_total","labels":{{"side":"{side}"}},"type":"counter"}}"#);
            request.body = format!("[{},{}]", side("left"), side("right"));
        }
        request.id = Some(format!("{:016x}", random.next()));
        Increment { counters, request }
    }
}

/// Counts until the hub is gone.
async fn write(mut client: Client, writer: usize, ledger: Arc<Ledger>, mut random: Random) {
    loop {
        let increment = Increment::any(writer, &mut random);
        match client.ask(&increment.request).await {
            Ok(answer) if matches!(answer.status, 200 | 204) => ledger.acknowledged(writer, increment),
            // A hub that is stopping says so, and has done nothing.
            Ok(answer) if answer.status == 503 && answer.body.contains("stopping") => return,
            Ok(answer) => panic!("{increment:?}: {answer:?}"),
            Err(Failed::Unsent) => return,
            Err(Failed::Unknown) => return ledger.unknown(increment),
        }
    }
}

/// Snapshots all the time, so that the hub also dies in the middle of one.
async fn snapshots(mut client: Client) {
    let snapshot = Request::new("POST", "/api/v1/admin/snapshot");
    while let Ok(answer) = client.ask(&snapshot).await {
        let ended = answer.body.contains("stop") || answer.body.contains("closed");
        assert!(answer.status == 200 || ended, "{answer:?}");
    }
}

/// What the writers know.
#[derive(Debug, Default)]
struct Ledger {
    counts: Mutex<Counts>,
    /// After each acknowledgement.
    more: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    /// What each counter must be at least.
    acknowledged: [u64; COUNTERS],
    /// Writes without an answer.
    unknown: Vec<Increment>,
    /// The last write of each writer that was acknowledged.
    last: [Option<Increment>; WRITERS],
    acks: u64,
    repeated: u64,
    replayed: u64,
}

impl Ledger {
    fn acknowledged(&self, writer: usize, increment: Increment) {
        let mut counts = self.counts.lock().unwrap();
        for counter in &increment.counters {
            counts.acknowledged[*counter] += 1;
        }
        counts.last[writer] = Some(increment);
        counts.acks += 1;
        self.more.notify_one();
    }

    fn unknown(&self, increment: Increment) {
        self.counts.lock().unwrap().unknown.push(increment);
    }

    fn acks(&self) -> u64 {
        self.counts.lock().unwrap().acks
    }

    async fn reaches(&self, acks: u64) {
        while self.acks() < acks {
            let more = timeout(DEADLINE, self.more.notified()).await;
            more.expect("the hub acknowledges in time");
        }
    }
}

async fn check(client: &mut Client, ledger: &Ledger, when: &str) {
    let (acknowledged, unknown, last) = {
        let mut counts = ledger.counts.lock().unwrap();
        (
            counts.acknowledged,
            std::mem::take(&mut counts.unknown),
            counts.last.clone(),
        )
    };
    let mut with_unknown = acknowledged;
    for counter in unknown.iter().flat_map(|increment| &increment.counters) {
        with_unknown[*counter] += 1;
    }
    let values = read(client).await;
    for (counter, value) in values.into_iter().enumerate() {
        let (least, most) = (acknowledged[counter], with_unknown[counter]);
        let path = path(counter);
        assert!(
            (least..=most).contains(&value),
            "{when}: {path} is {value}: {least} were acknowledged, {most} sent"
        );
    }
    assert_eq!(values[LEFT], values[RIGHT], "{when}: half of a batch");
    let (mut repeated, mut replayed) = (0, 0);
    for (increment, known) in unknown
        .iter()
        .map(|it| (it, false))
        .chain(last.iter().flatten().map(|it| (it, true)))
    {
        let answer = client.ask(&increment.request).await.expect("the hub answers");
        assert!(matches!(answer.status, 200 | 204), "{when}: {increment:?}: {answer:?}");
        assert!(answer.replayed || !known, "{when}: {increment:?} is not known any more");
        repeated += 1;
        replayed += u64::from(answer.replayed);
    }
    assert_eq!(read(client).await, with_unknown, "{when}: a repeated write counts once");
    let mut counts = ledger.counts.lock().unwrap();
    counts.acknowledged = with_unknown;
    counts.repeated += repeated;
    counts.replayed += replayed;
}

/// What the hub says of each counter.
async fn read(client: &mut Client) -> [u64; COUNTERS] {
    let paths: [String; COUNTERS] = array::from_fn(path);
    let mut values = [0; COUNTERS];
    for (value, path) in values.iter_mut().zip(paths) {
        let answer = client.ask(&Request::new("GET", path)).await.expect("the hub answers");
        *value = match answer.status {
            200 => answer.body.parse().expect("a whole number"),
            404 => 0,
            _ => panic!("{answer:?}"),
        };
    }
    values
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
