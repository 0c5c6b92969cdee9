//! From batches to the hub.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Key, SpoolError, Turn, aside,
    files::BATCHES,
    key::{BatchName, Tried},
    recover::{batches, recover},
    seal::seal,
};

/// What became of a batch that was sent.
#[derive(Debug)]
pub(crate) enum Verdict<E> {
    /// It was counted, at this try or an earlier one.
    Counted,
    /// Nothing of it was counted, because of these items, by their place, and why.
    Refused(Vec<(usize, String)>),
    /// Nothing of it was counted; which of the items are to blame was not said.
    RefusedWhole(String),
    /// It cannot be known whether it was counted.
    Uncertain,
    /// Not at this time.
    NotNow {
        why: E,
        /// It is certain that this try has not reached the hub's state.
        nothing_happened: bool,
    },
}

/// To whom, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Stands for the hub and the API key. What may have reached one target is not sent to another.
    pub(crate) target: u64,
    /// How long one batch may take, with all its tries.
    pub(crate) deadline: Duration,
}

/// What a delivery did.
#[derive(Debug)]
pub(crate) struct Report<E> {
    pub(crate) items: usize,
    pub(crate) batches: usize,
    /// The first of the items that the hub will not have.
    pub(crate) refused: Vec<Refused>,
    pub(crate) refused_items: usize,
    /// Records that cannot be read.
    pub(crate) damaged: usize,
    pub(crate) uncertain_items: usize,
    /// Why there is still something to deliver.
    pub(crate) stopped: Option<E>,
}

/// An item, and why it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) item: String,
    pub(crate) reason: String,
}

/// How many refused items a report lists.
const REFUSED_LISTED_MAX: usize = 20;
/// How far the clock may be set back without anyone noticing.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

impl<E> Default for Report<E> {
    fn default() -> Self {
        Report {
            items: 0,
            batches: 0,
            refused: Vec::new(),
            refused_items: 0,
            damaged: 0,
            uncertain_items: 0,
            stopped: None,
        }
    }
}

impl Turn<'_> {
    /// Delivers all that was appended before, in order, until the hub cannot take it. `now_ms` is the time since 1970.
    ///
    /// Dropping the future is as good as a crash: what was being sent is sent again, and counts once.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) async fn deliver<E>(
        &self,
        delivery: Delivery,
        now_ms: impl Fn() -> u64,
        send: impl AsyncFn(&Key, Vec<u8>) -> Verdict<E>,
    ) -> Result<Report<E>, SpoolError> {
        let files = &self.spool.files;
        recover(files)?;
        let mut report = Report {
            damaged: seal(files, &self.spool.limits)?,
            ..Report::default()
        };
        let mut queue: BTreeSet<BatchName> = batches(files)?.into_iter().collect();
        while let Some(batch) = queue.pop_first() {
            let body = files.read(&files.path(BATCHES, &batch.to_string()))?;
            let items: Vec<String> = String::from_utf8_lossy(&body).lines().map(str::to_owned).collect();
            let Some(marked) = self.mark(&batch, delivery, now_ms())? else {
                report.uncertain_items += items.len();
                self.set_aside(&batch, body.len())?;
                continue;
            };
            let bytes = body.len();
            match send(&marked.key, body).await {
                Verdict::Counted => {
                    report.items += items.len();
                    report.batches += 1;
                    self.remove(&marked)?;
                }
                Verdict::Refused(reasons) => {
                    let (refused, rest) = by_place(&items, &reasons);
                    queue.extend(self.cut(&marked, &refused, &[rest])?);
                    report.refuse(refused);
                }
                // It may have been counted before the hub would not have it any more, say because the key's rights are
                // less now: a hub asks for those first.
                Verdict::RefusedWhole(_) if batch.tried.is_some() => {
                    report.uncertain_items += items.len();
                    self.set_aside(&marked, bytes)?;
                }
                Verdict::RefusedWhole(reason) if items.len() <= 1 => {
                    let refused: Vec<Refused> = items
                        .into_iter()
                        .map(|item| Refused {
                            item,
                            reason: reason.clone(),
                        })
                        .collect();
                    self.cut(&marked, &refused, &[])?;
                    report.refuse(refused);
                }
                Verdict::RefusedWhole(_) => {
                    let (first, second) = items.split_at(items.len() / 2);
                    queue.extend(self.cut(&marked, &[], &[first.to_vec(), second.to_vec()])?);
                }
                Verdict::Uncertain => {
                    report.uncertain_items += items.len();
                    self.set_aside(&marked, bytes)?;
                }
                Verdict::NotNow { why, nothing_happened } => {
                    if nothing_happened && batch.tried.is_none() {
                        self.rename(&marked, &batch)?;
                    }
                    report.stopped = Some(why);
                    break;
                }
            }
        }
        Ok(report)
    }

    /// Makes it known, also after a loss of power, that the batch may have been sent; `None` if the hub would not know it
    /// as a repeat.
    fn mark(&self, batch: &BatchName, delivery: Delivery, now_ms: u64) -> Result<Option<BatchName>, SpoolError> {
        let Some(tried) = batch.tried else {
            let marked = BatchName {
                key: batch.key.clone(),
                tried: Some(Tried {
                    since_ms: now_ms,
                    target: delivery.target,
                }),
            };
            self.rename(batch, &marked)?;
            return Ok(Some(marked));
        };
        let clock_was_set = tried.since_ms > now_ms.saturating_add(millis(CLOCK_TOLERANCE));
        let arrives_ms = now_ms.saturating_add(millis(delivery.deadline + CLOCK_TOLERANCE));
        let is_known = arrives_ms.saturating_sub(tried.since_ms) < millis(self.spool.limits.retention);
        let same = tried.target == delivery.target && is_known && !clock_was_set;
        Ok(same.then(|| batch.clone()))
    }

    /// Replaces a batch, of which nothing was counted, by what is left of it.
    fn cut(&self, batch: &BatchName, refused: &[Refused], rests: &[Vec<String>]) -> Result<Vec<BatchName>, SpoolError> {
        let files = &self.spool.files;
        if !refused.is_empty() {
            let lines: Vec<String> = refused
                .iter()
                .map(|refused| aside::refused(&refused.item, &refused.reason))
                .collect();
            aside::refuse(files, &self.spool.limits, &batch.key, &lines)?;
        }
        let mut made = Vec::new();
        for (number, rest) in rests.iter().filter(|rest| !rest.is_empty()).enumerate() {
            let part = BatchName {
                key: batch.key.part(number),
                tried: None,
            };
            let body = rest.iter().map(|item| format!("{item}\n")).collect::<String>();
            files.write(&files.path(BATCHES, &part.to_string()), body.as_bytes())?;
            made.push(part);
        }
        files.sync_directory(BATCHES)?;
        self.remove(batch)?;
        Ok(made)
    }

    fn set_aside(&self, batch: &BatchName, bytes: usize) -> Result<(), SpoolError> {
        aside::set_aside(&self.spool.files, &self.spool.limits, batch, bytes as u64)
    }

    fn rename(&self, from: &BatchName, to: &BatchName) -> Result<(), SpoolError> {
        let files = &self.spool.files;
        let path = |name: &BatchName| files.path(BATCHES, &name.to_string());
        files.rename(&path(from), &path(to))?;
        files.sync_directory(BATCHES)
    }

    fn remove(&self, batch: &BatchName) -> Result<(), SpoolError> {
        let files = &self.spool.files;
        files.remove(&files.path(BATCHES, &batch.to_string()))?;
        files.sync_directory(BATCHES)
    }
}

impl<E> Report<E> {
    /// Adds what another delivery did.
    pub(crate) fn add(&mut self, other: &Report<E>) {
        self.items += other.items;
        self.batches += other.batches;
        self.refused_items += other.refused_items;
        self.damaged += other.damaged;
        self.uncertain_items += other.uncertain_items;
    }

    fn refuse(&mut self, refused: Vec<Refused>) {
        self.refused_items += refused.len();
        let room = REFUSED_LISTED_MAX.saturating_sub(self.refused.len());
        self.refused.extend(refused.into_iter().take(room));
    }
}

/// The items that are refused, and the others. If none of the places is one, all are refused: the batch would come back
/// for ever.
fn by_place(items: &[String], reasons: &[(usize, String)]) -> (Vec<Refused>, Vec<String>) {
    let (mut refused, mut rest) = (Vec::new(), Vec::new());
    for (place, item) in items.iter().enumerate() {
        match reasons.iter().find(|(index, _)| *index == place) {
            Some((_, reason)) => refused.push(Refused {
                item: item.clone(),
                reason: reason.clone(),
            }),
            None => rest.push(item.clone()),
        }
    }
    if refused.is_empty() {
        let reason = reasons.first().map_or("refused", |(_, reason)| reason);
        let all = rest.drain(..).map(|item| Refused {
            item,
            reason: reason.to_owned(),
        });
        refused = all.collect();
    }
    (refused, rest)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
