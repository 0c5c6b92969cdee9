//! What the outbox must hold, as plain maps: the model that the real one is compared with.

use std::collections::{HashMap, HashSet};

use nexus_metric::Buckets;
use serde_json::Value;

use super::super::{Answer, BatchLimits, Outbox, Sealed};
use crate::counts::{
    cell::{Cell, CounterCell, GaugeCell, HistogramCell},
    families::{Bounds, Families},
    registry::Registry,
    report::{Amount, Undelivered},
};

/// What happens to one sending of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    AnswerLost,
    RequestLost,
    Unreachable,
    Unauthorized,
    RefusedWhole,
}

/// A hub that keeps what it is told, and the batches' keys.
#[derive(Default)]
pub(super) struct Hub {
    batches: HashMap<String, Vec<u8>>,
    values: HashMap<String, f64>,
    buckets: HashMap<usize, u64>,
    sum: f64,
    refuses: HashSet<String>,
}

/// A process that counts, what it sends, and the hub; and beside them, what must come of it.
pub(super) struct World {
    registry: Registry,
    outbox: Outbox,
    pub(super) hub: Hub,
    refused: Vec<Undelivered>,
    counted: [f64; World::COUNTERS],
    gauge: f64,
    observed: HashMap<usize, u64>,
    observed_sum: f64,
    invalid: u64,
    is_lossless: bool,
}

fn counter(series: usize) -> String {
    format!("c{series}_total")
}

impl World {
    pub(super) const COUNTERS: usize = 3;
    const BOUNDS: [f64; 2] = [2.0, 4.0];
    /// Small enough that there are several batches, and that some are halved before they are sent.
    const LIMITS: BatchLimits = BatchLimits {
        items_max: 3,
        bytes_max: 180,
    };

    pub(super) fn new() -> Self {
        let bounds = Bounds {
            others: Buckets::new(&Self::BOUNDS).unwrap(),
            ..Bounds::default()
        };
        World {
            registry: Registry::new(Families::new(bounds, 100), 100),
            outbox: Outbox::new(Self::LIMITS),
            hub: Hub::default(),
            refused: Vec::new(),
            counted: [0.0; Self::COUNTERS],
            gauge: 0.0,
            observed: HashMap::new(),
            observed_sum: 0.0,
            invalid: 0,
            is_lossless: true,
        }
    }

    fn with<C: Cell>(&self, name: &str, use_it: impl FnOnce(&C)) {
        use_it(&self.registry.series::<C>(name, [("l", "v")].into_iter()).cell);
    }

    pub(super) fn count(&mut self, series: usize, value: f64) {
        self.with(&counter(series), |cell: &CounterCell| cell.add(value));
        if value.is_nan() {
            self.invalid += 1;
        } else {
            self.counted[series] += value;
        }
    }

    pub(super) fn set_gauge(&mut self, value: f64) {
        self.with("g", |cell: &GaugeCell| cell.set(value));
        self.gauge = value;
    }

    pub(super) fn add_to_gauge(&mut self, value: f64) {
        self.with("g", |cell: &GaugeCell| cell.add(value));
        self.gauge += value;
    }

    pub(super) fn observe(&mut self, value: f64, times: u64) {
        self.with("h", |cell: &HistogramCell| cell.observe(value, times));
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < value);
        *self.observed.entry(bucket).or_default() += times;
        self.observed_sum += value * times as f64;
    }

    pub(super) fn refuse(&mut self, series: usize, refuses: bool) {
        if refuses {
            self.hub.refuses.insert(counter(series));
        } else {
            self.hub.refuses.remove(&counter(series));
        }
    }

    pub(super) fn fill(&mut self) {
        if self.outbox.is_settled() {
            self.outbox.fill(&self.registry, |item| self.refused.push(item));
        }
    }

    pub(super) fn collect(&mut self) {
        self.outbox.collect(&self.registry, |item| self.refused.push(item));
    }

    pub(super) fn send(&mut self, fault: Fault) {
        let Some(sealed) = self.outbox.next(&self.registry).unwrap() else {
            return;
        };
        assert!(sealed.batch.encoded_len() <= Self::LIMITS.bytes_max || sealed.batch.len() == 1);
        assert_eq!(self.outbox.next(&self.registry).unwrap().unwrap().key, sealed.key);
        let answer = match fault {
            // What the hub looks at before it looks for the key; it would have said the same to earlier tries.
            Fault::RefusedWhole if !self.hub.has(&sealed) => {
                self.is_lossless = false;
                Answer::RefusedWhole("no".to_owned())
            }
            Fault::None | Fault::RefusedWhole => self.hub.write(&sealed),
            Fault::AnswerLost => {
                self.hub.write(&sealed);
                later(true)
            }
            Fault::RequestLost => later(true),
            Fault::Unreachable => later(false),
            Fault::Unauthorized => Answer::NotAllowed("no".to_owned()),
        };
        self.outbox.answered(answer, |item| self.refused.push(item));
    }

    /// All is sent, and all sums are what they must be.
    pub(super) fn finish(&mut self) {
        for _ in 0..1000 {
            self.fill();
            if self.outbox.is_settled() {
                break;
            }
            while !self.outbox.is_settled() {
                self.send(Fault::None);
            }
        }
        assert_eq!(self.outbox.unsent(""), []);
        for series in 0..Self::COUNTERS {
            let arrived = self.hub.counter(series) + self.refused_of(series);
            assert_eq!(arrived, self.counted[series], "{}", counter(series));
        }
        let invalid = self.refused.iter().map(|item| match item.amount() {
            Amount::Invalid(count) => count,
            _ => 0,
        });
        assert_eq!(invalid.sum::<u64>(), self.invalid);
        if self.is_lossless {
            assert_eq!(self.hub.values.get("g").copied().unwrap_or_default(), self.gauge);
            assert_eq!(self.hub.buckets, self.observed);
            assert_eq!(self.hub.sum, self.observed_sum);
        }
    }

    /// What was reported of a counter.
    pub(super) fn refused_of(&self, series: usize) -> f64 {
        let of = self.refused.iter().filter(|item| item.name() == counter(series));
        of.map(|item| match item.amount() {
            Amount::Added(value) => value,
            _ => 0.0,
        })
        .sum()
    }
}

fn later(may_have_arrived: bool) -> Answer {
    Answer::Later {
        why: String::new(),
        retry_after: None,
        may_have_arrived,
    }
}

impl Hub {
    pub(super) fn counter(&self, series: usize) -> f64 {
        self.values.get(&counter(series)).copied().unwrap_or_default()
    }

    pub(super) fn batches_taken(&self) -> usize {
        self.batches.len()
    }

    fn has(&self, sealed: &Sealed) -> bool {
        self.batches.contains_key(&sealed.key.to_string())
    }

    fn write(&mut self, sealed: &Sealed) -> Answer {
        let key = sealed.key.to_string();
        if let Some(before) = self.batches.get(&key) {
            assert_eq!(before, sealed.batch.as_bytes(), "another batch under the same key");
            return Answer::Taken;
        }
        let items = sealed.batch.items().map(|line| serde_json::from_slice(line).unwrap());
        let items: Vec<Value> = items.collect();
        let is_refused = |item: &Value| self.refuses.contains(item["metric"].as_str().unwrap());
        let refused = items.iter().enumerate().filter(|(_, item)| is_refused(item));
        let refused: Vec<_> = refused.map(|(index, _)| (index, "no".to_owned())).collect();
        if !refused.is_empty() {
            return Answer::Refused(refused);
        }
        for item in &items {
            self.change(item);
        }
        self.batches.insert(key, sealed.batch.as_bytes().to_vec());
        Answer::Taken
    }

    fn change(&mut self, item: &Value) {
        assert_eq!(item["labels"]["l"], "v");
        let name = item["metric"].as_str().unwrap();
        let value = self.values.entry(name.to_owned()).or_default();
        match item["op"].as_str().unwrap() {
            "create" => {}
            "add" => *value += item["value"].as_f64().unwrap(),
            "set" => *value = item["value"].as_f64().unwrap(),
            "merge" => {
                assert_eq!(item["buckets"].as_array().unwrap().len(), World::BOUNDS.len());
                for (bucket, count) in item["counts"].as_array().unwrap().iter().enumerate() {
                    match count.as_u64().unwrap() {
                        0 => {}
                        count => *self.buckets.entry(bucket).or_default() += count,
                    }
                }
                self.sum += item["sum"].as_f64().unwrap();
            }
            other => panic!("{other}"),
        }
    }
}
