//! Generated histories of writers on real servers, with everything happening to them that happens: answers are lost, servers
//! restart and forget, writers end and others finish their work, twice at once. In the end each ledger's sums are the truth.
//!
//! Histories run side by side, each with a subject of its own, so that what happens to a server happens to many of them.

use nexus_usage::{Cell, Ledger};

use super::{RedisServer, Store, behind_a_proxy, unique, used};
use nexus_test_servers::{PostgresServer, Proxy, Weather};

/// Numbers that look random, the same ones from the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// One writer's work on one subject: what it has counted, and what an older reading of it said.
#[derive(Debug, Clone)]
struct Writer {
    id: u128,
    counted: u64,
    earlier: u64,
}

/// A subject and its writers; those that have ended are finished by whoever comes after them.
struct History {
    name: String,
    writers: Vec<Writer>,
}

impl History {
    fn truth(&self) -> u64 {
        self.writers.iter().map(|writer| writer.counted).sum()
    }

    fn count(&mut self, random: &mut Random) {
        if random.below(8) == 0 || self.writers.is_empty() {
            let id = u128::from(random.below(u64::MAX)) << 64 | u128::from(random.below(u64::MAX)) | 1;
            self.writers.push(Writer {
                id,
                counted: 0,
                earlier: 0,
            });
        }
        let writers = self.writers.len();
        for writer in self.writers.iter_mut().skip(writers.saturating_sub(2)) {
            writer.earlier = writer.counted;
            writer.counted += random.below(1_000);
        }
    }

    /// Cells as they stand, some as they stood, some of them twice.
    fn cells(&self, random: &mut Random) -> Vec<Cell> {
        let mut cells = Vec::new();
        for writer in &self.writers {
            match random.below(4) {
                0 => {}
                1 => cells.push(super::cell(writer.id, &self.name, writer.earlier)),
                2 => cells.extend([writer.counted, writer.earlier].map(|n| super::cell(writer.id, &self.name, n))),
                _ => cells.push(super::cell(writer.id, &self.name, writer.counted)),
            }
        }
        cells
    }

    fn all_cells(&self) -> impl Iterator<Item = Cell> {
        self.writers
            .iter()
            .map(|writer| super::cell(writer.id, &self.name, writer.counted))
    }
}

/// What happens to the server between two pushes.
trait Server {
    async fn misfortune(&mut self, random: &mut Random);
}

/// Runs so many histories side by side, for so many steps.
async fn run(seed: u64, count: usize, steps: usize, ledger: &Ledger, proxies: &[Proxy], server: &mut impl Server) {
    let mut random = Random(seed);
    let mut histories: Vec<_> = (0..count)
        .map(|n| History {
            name: format!("history {seed} {n}"),
            writers: Vec::new(),
        })
        .collect();
    let (mut pushes, mut failed) = (0, 0);
    for _ in 0..steps {
        let mut cells = Vec::new();
        for history in &mut histories {
            history.count(&mut random);
            cells.extend(history.cells(&mut random));
        }
        let weather = match random.below(3) {
            0 => Weather::CutAnswers,
            1 if random.below(4) == 0 => Weather::Down,
            _ => Weather::Fair,
        };
        proxies.iter().for_each(|proxy| proxy.set(weather));
        pushes += 1;
        // Whatever became of it: nobody acts on the answer, and it is pushed again.
        failed += u64::from(ledger.push(&cells).await.is_err());
        proxies.iter().for_each(|proxy| proxy.set(Weather::Fair));
        server.misfortune(&mut random).await;
    }
    assert!(failed > 0 && failed < pushes, "{failed} of {pushes} pushes failed");
    recover_twice_at_once(ledger, &histories).await;
    for history in &histories {
        assert_eq!(used(ledger, &history.name).await, history.truth(), "{}", history.name);
    }
}

/// Two hubs come back at once, and both push all that is known of all writers until they are answered.
async fn recover_twice_at_once(ledger: &Ledger, histories: &[History]) {
    let cells: Vec<Cell> = histories.iter().flat_map(History::all_cells).collect();
    let recover = || async {
        for cells in cells.chunks(700) {
            while ledger.push(cells).await.is_err() {}
        }
    };
    tokio::join!(recover(), recover());
}

/// A server that stays, whatever happens to the connections to it.
struct Stays;

impl Server for Stays {
    async fn misfortune(&mut self, _random: &mut Random) {}
}

/// A Redis of the test's own, without persistence.
struct Forgets(RedisServer);

impl Server for Forgets {
    async fn misfortune(&mut self, random: &mut Random) {
        match random.below(6) {
            0 => drop(self.0.command(&["FLUSHALL"])),
            1 => drop(self.0.command(&["SCRIPT", "FLUSH"])),
            2 => {
                self.0.kill();
                self.0.start_again();
            }
            _ => {}
        }
    }
}

/// A PostgreSQL of the test's own.
struct Crashes(PostgresServer);

impl Server for Crashes {
    async fn misfortune(&mut self, random: &mut Random) {
        if random.below(5) == 0 {
            self.0.kill();
            self.0.start_again();
        }
    }
}

#[tokio::test]
async fn redis_whose_answers_are_lost() {
    if !Store::Redis.is_there() {
        return;
    }
    let (ledger, proxies) = behind_a_proxy(Store::Redis);
    for seed in 0..3 {
        run(seed, 100, 30, &ledger, &proxies, &mut Stays).await;
    }
}

#[tokio::test]
async fn redis_that_forgets() {
    if !Store::Redis.is_there() {
        return;
    }
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let settings = nexus_usage::RedisSettings {
        key_prefix: unique(),
        breaker: super::tolerant(),
        ..super::patient(nexus_usage::RedisSettings::one(proxy.address().parse().unwrap()))
    };
    let ledger = Ledger::redis(settings).unwrap();
    let mut server = Forgets(server);
    for seed in 10..13 {
        run(seed, 100, 30, &ledger, std::slice::from_ref(&proxy), &mut server).await;
    }
}

#[tokio::test]
async fn a_cluster_whose_answers_are_lost() {
    if !Store::Cluster.is_there() {
        return;
    }
    // One of its own: while its proxies lose answers, nobody else is to be hindered.
    let cluster = tokio::task::spawn_blocking(super::RedisCluster::start).await.unwrap();
    let settings = nexus_usage::RedisSettings {
        operation_timeout: std::time::Duration::from_millis(500),
        connect_timeout: std::time::Duration::from_secs(5),
        breaker: super::tolerant(),
        ..nexus_usage::RedisSettings::cluster(cluster.addresses())
    };
    let ledger = Ledger::redis(settings).unwrap();
    run(20, 100, 10, &ledger, &cluster.proxies, &mut Stays).await;
}

#[tokio::test]
async fn postgres_whose_answers_are_lost() {
    if !Store::Postgres.is_there() {
        return;
    }
    let (ledger, proxies) = behind_a_proxy(Store::Postgres);
    run(30, 150, 20, &ledger, &proxies, &mut Stays).await;
}

#[tokio::test]
async fn postgres_that_crashes() {
    if !Store::Postgres.is_there() {
        return;
    }
    let server = PostgresServer::start();
    let proxy = Proxy::before(server.port());
    let settings = nexus_usage::PostgresSettings {
        breaker: super::tolerant(),
        ..super::in_database(proxy.port(), "postgres")
    };
    let ledger = Ledger::postgres(settings).unwrap();
    run(40, 150, 15, &ledger, std::slice::from_ref(&proxy), &mut Crashes(server)).await;
}
