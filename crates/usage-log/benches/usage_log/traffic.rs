//! The records that a service would make, and a writer's id to store them under.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use nexus_usage_log::{
    Amounts, Dimensions, Entry, EventOutcome, Id, Labels, Outcome, Record, Settings, Sink, SinkError, Time, Timing,
    UsageLog, WriterId,
};

const KEYS: usize = 500;
const ROUTES: usize = 4;

/// Texts as a service has them at hand.
pub struct Texts {
    keys: Vec<Arc<str>>,
    routes: Vec<Arc<str>>,
    service: Arc<str>,
    method: Arc<str>,
    source: Arc<str>,
    empty: Arc<str>,
}

impl Texts {
    pub fn new() -> Self {
        Texts {
            keys: (0..KEYS).map(|n| format!("customer-{n:04}").into()).collect(),
            routes: (0..ROUTES).map(|n| format!("/v1/resource-{n}/{{id}}").into()).collect(),
            service: "tiles".into(),
            method: "GET".into(),
            source: "bench".into(),
            empty: "".into(),
        }
    }

    pub fn record(&self, number: usize, ended_at: Time) -> Record {
        // Spread without a pattern that a table would like.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Record {
            ended_at,
            dimensions: Dimensions {
                key: self.keys[mixed % KEYS].clone(),
                tenant: self.empty.clone(),
                service: self.service.clone(),
                route: self.routes[(mixed >> 12) % ROUTES].clone(),
                client: self.empty.clone(),
                method: self.method.clone(),
                status: if mixed.is_multiple_of(17) { 404 } else { 200 },
                outcome: Outcome::Complete,
                source: self.source.clone(),
                labels: Labels::default(),
            },
            amounts: Amounts {
                calls: 1,
                bytes_in: 200,
                bytes_out: (mixed % 100_000) as u64,
                body_bytes_in: 50,
                body_bytes: (mixed % 100_000) as u64,
                duration_ns: 1_000_000,
            },
        }
    }
}

/// The entries with these numbers, each when `ended_at` says.
pub fn batch(texts: &Texts, numbers: std::ops::Range<usize>, ended_at: impl Fn(usize) -> Time) -> Vec<Entry> {
    let entry = |number| Entry {
        id: Id::Own {
            writer: writer_id(),
            sequence: number as u64 + 1,
        },
        record: texts.record(number, ended_at(number)),
        timing: Timing::Given,
    };
    numbers.map(entry).collect()
}

/// A log's own id is its own; the bench takes that of a log that stores one record.
fn writer_id() -> WriterId {
    static ID: OnceLock<WriterId> = OnceLock::new();
    struct Tell(Arc<Mutex<Option<Id>>>);
    impl Sink for Tell {
        fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
            *self.0.lock().unwrap() = batch.first().map(|entry| entry.id.clone());
            Ok(vec![EventOutcome::Stored; batch.len()])
        }
    }
    *ID.get_or_init(|| {
        let told = Arc::new(Mutex::new(None));
        let log = UsageLog::open(Settings::default(), Tell(told.clone())).unwrap();
        log.record(Texts::new().record(0, Time::from_seconds(0)));
        log.close(Duration::from_secs(60));
        let told = told.lock().unwrap().clone();
        match told {
            Some(Id::Own { writer, .. }) => writer,
            other => panic!("{other:?}"),
        }
    })
}
