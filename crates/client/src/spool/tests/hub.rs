//! A hub as the spool sees one.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
};

use super::super::{Key, Verdict};

/// What happens to one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    AnswerLost,
    RequestLost,
    Unreachable,
}

/// A hub as the spool sees one: batches all or nothing, each key counts once for a day.
#[derive(Debug, Clone, Default)]
pub(super) struct Hub {
    counts: RefCell<HashMap<String, u64>>,
    /// By target and key.
    known: RefCell<HashMap<(u64, String), Known>>,
    /// All keys that were ever counted, and how often.
    counted: RefCell<HashMap<String, u32>>,
    fates: RefCell<VecDeque<Fate>>,
    now_ms: Cell<u64>,
    /// What passes, whatever the clock says.
    passed_ms: Cell<u64>,
}

/// A batch that was counted, and when.
#[derive(Debug, Clone)]
struct Known {
    body: Vec<u8>,
    at_ms: u64,
}

const RETENTION_MS: u64 = 24 * super::HOUR_MS;

impl Hub {
    pub(super) fn expect(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.borrow_mut().extend(fates);
    }

    pub(super) fn calm(&self) {
        self.fates.borrow_mut().clear();
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    pub(super) fn advance(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() + ms);
        self.passed_ms.set(self.passed_ms.get() + ms);
    }

    pub(super) fn set_back(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() - ms);
    }

    pub(super) fn count(&self, metric: &str) -> u64 {
        self.counts.borrow().get(metric).copied().unwrap_or(0)
    }

    /// How often what was sent under a key was counted.
    pub(super) fn times(&self, key: &str) -> u32 {
        self.counted.borrow().get(key).copied().unwrap_or(0)
    }

    pub(super) fn keys_counted_twice(&self) -> Vec<String> {
        let counted = self.counted.borrow();
        counted
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(key, _)| key.clone())
            .collect()
    }

    pub(super) fn receive(&self, target: u64, key: &Key, body: &[u8]) -> Verdict<&'static str> {
        let fate = self.fates.borrow_mut().pop_front().unwrap_or(Fate::Answered);
        let not_now = |why, nothing_happened| Verdict::NotNow { why, nothing_happened };
        match fate {
            Fate::Unreachable => not_now("unreachable", true),
            Fate::RequestLost => not_now("request lost", false),
            Fate::Answered => self.apply(target, key, body),
            Fate::AnswerLost => {
                drop(self.apply(target, key, body));
                not_now("answer lost", false)
            }
        }
    }

    fn apply(&self, target: u64, key: &Key, body: &[u8]) -> Verdict<&'static str> {
        let passed = self.passed_ms.get();
        let mut known = self.known.borrow_mut();
        known.retain(|_, known| passed - known.at_ms < RETENTION_MS);
        let id = (target, key.to_string());
        if let Some(Known { body: before, .. }) = known.get(&id) {
            assert_eq!(before, body, "the bytes under a key never change");
            return Verdict::Counted;
        }
        let amounts: Vec<(String, u64)> = super::super::tests::amounts(std::str::from_utf8(body).unwrap());
        let unknown = |metric: &str| (metric == "unknown").then(|| "there is no metric unknown".to_owned());
        let refused: Vec<(usize, String)> = amounts
            .iter()
            .enumerate()
            .filter_map(|(place, (metric, _))| Some((place, unknown(metric)?)))
            .collect();
        if amounts.iter().any(|(metric, _)| metric == "forbidden") {
            return Verdict::RefusedWhole("not with this key".to_owned());
        }
        if !refused.is_empty() {
            return Verdict::Refused(refused);
        }
        let first = Known {
            body: body.to_vec(),
            at_ms: passed,
        };
        known.insert(id, first);
        *self.counted.borrow_mut().entry(key.to_string()).or_default() += 1;
        let mut counts = self.counts.borrow_mut();
        for (metric, amount) in amounts {
            *counts.entry(metric).or_default() += amount;
        }
        Verdict::Counted
    }
}
