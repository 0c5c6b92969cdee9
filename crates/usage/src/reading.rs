//! What a process had counted at one moment.

use std::collections::BTreeMap;

use crate::{Period, Subject, Totals, entries::Entries};

/// What a process had counted at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    totals: BTreeMap<(Subject, Period), Totals>,
}

impl Reading {
    pub(crate) fn of(entries: &Entries) -> Self {
        let mut totals = BTreeMap::new();
        for entry in entries.all() {
            for month in entry.months() {
                let counted = month.totals();
                if counted != Totals::ZERO {
                    totals.insert((entry.subject.clone(), month.period), counted);
                }
            }
        }
        Reading { totals }
    }

    /// Of one subject in one period.
    pub fn get(&self, subject: &Subject, period: Period) -> Totals {
        self.totals.get(&(subject.clone(), period)).copied().unwrap_or_default()
    }

    /// Of every subject in every period, where there is anything.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, Period, Totals)> {
        self.totals
            .iter()
            .map(|((subject, period), totals)| (subject, *period, *totals))
    }

    /// What was counted since an earlier reading of the same process.
    #[must_use]
    pub fn since(&self, earlier: &Reading) -> Reading {
        let since = self.totals.iter().map(|(key, totals)| {
            let before = earlier.totals.get(key).copied().unwrap_or_default();
            (key.clone(), totals.since(before))
        });
        Reading {
            totals: since.filter(|(_, totals)| *totals != Totals::ZERO).collect(),
        }
    }
}
