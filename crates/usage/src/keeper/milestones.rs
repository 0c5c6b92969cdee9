//! Tells each milestone once.

use super::Work;
use crate::{Field, Milestone, Reached, entry::Entry, month::Month};

impl Work {
    /// Tells the milestones that these have reached and that were not told before, by this process or one before it.
    pub(super) async fn tell_milestones(&self, months: impl Iterator<Item = (&Entry, &Month)>) {
        let reached: Vec<_> = months.flat_map(|(entry, month)| newly_reached(entry, month)).collect();
        if reached.is_empty() {
            return;
        }
        let told = match &self.context.settings.checkpoints {
            Some(checkpoints) => {
                let key = |reached: &Reached| {
                    (
                        reached.subject.clone(),
                        reached.period,
                        reached.field,
                        reached.milestone,
                    )
                };
                checkpoints.file.tell(reached.iter().map(key).collect()).await
            }
            None => Ok(vec![true; reached.len()]),
        };
        // If it cannot be remembered it is told nevertheless: once too often after a restart, rather than never.
        let told = told.unwrap_or_else(|_| vec![true; reached.len()]);
        for (reached, _) in reached.into_iter().zip(told).filter(|(_, first)| *first) {
            // Nobody listens: it stands in the handle's `milestones` all the same.
            let _ = self.context.milestones.send(reached);
        }
    }
}

fn newly_reached(entry: &Entry, month: &Month) -> Vec<Reached> {
    let (used, limits) = (entry.used_by_all(month), entry.limits());
    let mut book = month.book();
    let mut newly = Vec::new();
    for field in Field::ALL {
        let Some(limit) = limits.get(field) else { continue };
        for milestone in Milestone::ALL {
            if milestone.is_reached(used.get(field), limit) && book.tell(field, milestone) {
                newly.push(Reached {
                    subject: entry.subject.clone(),
                    period: month.period,
                    field,
                    milestone,
                    used: used.get(field),
                    limit,
                });
            }
        }
    }
    newly
}
