//! Series a page at a time, and how many a selector means.

use std::{ops::Bound, sync::Arc};

use nexus_metric::Labels;

use super::{
    FamilyData, Filter, Shown, Value, View,
    cursor::{Cursor, Position},
    filter::{begins, common},
    smallest::{Found, Smallest},
};
use crate::{selector::Selector, write::Change};

/// Some series, in order: families by name, the series of one by their labels.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) series: Vec<ListedSeries>,
    /// Where the next page begins; none if nothing is left. A series that is there from the first page to the last is on one of
    /// them, and on one only.
    pub(crate) next: Option<Cursor>,
}

/// A series as it was when it was looked at.
#[derive(Debug, Clone)]
pub(crate) struct ListedSeries {
    pub(crate) family: Arc<FamilyData>,
    pub(crate) labels: Box<str>,
    pub(crate) owner: Arc<str>,
    /// Milliseconds since 1970.
    pub(crate) created_ms: u64,
    pub(crate) value: Value,
}

/// What selectors mean.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    /// How many series.
    pub(crate) series: u64,
    /// The first of them, as `name{labels}`.
    pub(crate) first: Vec<String>,
}

impl View {
    /// At most so many series behind a cursor.
    ///
    /// Each page looks at all labels of its families once and holds a page of them: to keep them sorted would take memory for
    /// every series, whether or not anybody ever asks for pages.
    pub(crate) fn page(&self, filter: &Filter, after: Option<&Cursor>, limit: usize) -> Page {
        let (mut series, mut last) = (Vec::new(), None);
        let first = after.map_or(Bound::Unbounded, |after| Bound::Included(after.family.as_str()));
        for (family, shown) in self.shown(filter, first) {
            let behind = after.filter(|after| after.family == family.family.name);
            let room = limit.saturating_sub(series.len());
            // One more tells whether there is a next page.
            let found = first_of(&family, &shown, behind.map(Cursor::position), room.saturating_add(1));
            let more = found.len() > room;
            for found in found.iter().take(room) {
                // It may be gone by now.
                series.extend(self.listed(&family, &found.labels));
                last = Some(Cursor::behind(family.family.name.clone(), found.position()));
            }
            if more {
                return Page { series, next: last };
            }
        }
        Page { series, next: None }
    }

    fn listed(&self, family: &Arc<FamilyData>, labels: &str) -> Option<ListedSeries> {
        family.look_at(labels, |series| {
            Some(ListedSeries {
                family: family.clone(),
                labels: series.labels.into(),
                owner: self.catalog.owners.name(series.owner),
                created_ms: series.created_ms,
                value: series.value()?,
            })
        })?
    }

    /// What deletes that: metrics whole where a selector looks at names only, series one by one otherwise.
    pub(crate) fn deletions(&self, covered: &[Box<str>], selectors: &[Arc<Selector>]) -> Vec<Change<'static>> {
        let mut deletions = Vec::new();
        for family in self.catalog.families_from(Bound::Unbounded, common(covered)) {
            let name = &family.family.name;
            if !begins(covered, name.as_str()) {
                continue;
            }
            let shown = Shown::by(selectors, |selector| selector.matches_name(name.as_str()));
            let delete = |labels| Change::Delete {
                family: name.clone().into(),
                labels,
            };
            match shown {
                Shown::Nothing => {}
                Shown::Everything => deletions.push(delete(None)),
                Shown::Some(_) => {
                    for block in family.blocks() {
                        block.for_each(|series| {
                            if shown.shows(series.labels)
                                && let Ok(labels) = Labels::from_text(series.labels)
                            {
                                deletions.push(delete(Some(labels.into())));
                            }
                        });
                    }
                }
            }
        }
        deletions
    }

    /// What these selectors mean of the families that are covered; at most so many are listed.
    pub(crate) fn matching(&self, covered: &[Box<str>], selectors: &[Arc<Selector>], listed_max: usize) -> Matching {
        let mut matching = Matching::default();
        for family in self.catalog.families_from(Bound::Unbounded, common(covered)) {
            let name = family.family.name.as_str();
            if !begins(covered, name) {
                continue;
            }
            let shown = Shown::by(selectors, |selector| selector.matches_name(name));
            if matches!(shown, Shown::Nothing) {
                continue;
            }
            for block in family.blocks() {
                block.for_each(|series| matching.series += u64::from(shown.shows(series.labels)));
            }
            let room = listed_max.saturating_sub(matching.first.len());
            let found = first_of(&family, &shown, None, room);
            matching.first.extend(found.iter().map(|found| match &*found.labels {
                "" => name.to_owned(),
                labels => format!("{name}{{{labels}}}"),
            }));
        }
        matching
    }
}

/// The first series of a family that are shown behind a position.
fn first_of(family: &FamilyData, shown: &Shown, behind: Option<Position<'_>>, keep: usize) -> Vec<Found> {
    let mut smallest = Smallest::new(keep);
    if keep > 0 {
        for block in family.blocks() {
            block.for_each(|series| {
                let position = Position::of(series.labels);
                // The labels are looked into last: that takes longest.
                if behind.is_none_or(|behind| position > behind)
                    && smallest.takes(position)
                    && shown.shows(series.labels)
                {
                    smallest.push(series.labels, position);
                }
            });
        }
    }
    smallest.sorted()
}
