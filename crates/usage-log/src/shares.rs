//! How many combinations of dimensions each source has made, and may make.

use std::{collections::HashMap, sync::Arc};

use crate::{record::Dimensions, retention::Retention};

/// How many there are, in all and by source.
#[derive(Debug)]
pub(crate) struct Shares {
    max: u64,
    per_source_max: u64,
    count: u64,
    by_source: HashMap<Arc<str>, Share, foldhash::fast::RandomState>,
}

#[derive(Debug, Default)]
struct Share {
    count: u64,
    /// Whether it was said that there are too many.
    is_told: bool,
}

/// Who has made how many, asked of the table of series.
pub(crate) const COUNTS: &str = "CASE source WHEN '' THEN key ELSE source END AS maker, COUNT(*)";

/// Of `series_max` so much is left to each source, whatever others have made.
const RESERVED_OF_MAX: u64 = 1_000;

impl Shares {
    pub(crate) fn new(retention: &Retention) -> Self {
        Shares {
            max: retention.series_max,
            per_source_max: retention.series_per_source_max,
            count: 0,
            by_source: HashMap::default(),
        }
    }

    /// The same limits, for what is there now.
    pub(crate) fn refill(&mut self, counts: impl IntoIterator<Item = (String, u64)>) {
        self.count = 0;
        self.by_source.values_mut().for_each(|share| share.count = 0);
        for (source, count) in counts {
            self.count += count;
            self.by_source.entry(source.into()).or_default().count = count;
        }
    }

    /// What new dimensions are to be stored as, by how many their source has made, from the most exact on: the first that is there
    /// already, or the last.
    pub(crate) fn forms(&mut self, dimensions: &Dimensions) -> Vec<Dimensions> {
        let collapsed = dimensions.collapsed();
        let made_by = dimensions.made_by();
        let share = self.by_source.entry(Arc::clone(made_by)).or_default();
        let has_room = share.count < self.per_source_max;
        if has_room && (self.count < self.max || share.count < self.max / RESERVED_OF_MAX) {
            return vec![dimensions.clone()];
        }
        if !std::mem::replace(&mut share.is_told, true) {
            let limit = if has_room {
                "series_max"
            } else {
                "series_per_source_max"
            };
            tracing::warn!(
                source = &**made_by,
                combinations = share.count,
                limit,
                "too many combinations of route, client, labels and the like in the usage log: further ones of this source are not told apart"
            );
        }
        if share.count < self.per_source_max.saturating_mul(2) {
            vec![collapsed]
        } else {
            vec![collapsed, dimensions.merged()]
        }
    }

    pub(crate) fn added(&mut self, dimensions: &Dimensions) {
        self.count += 1;
        self.by_source
            .entry(Arc::clone(dimensions.made_by()))
            .or_default()
            .count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_source_makes_leaves_the_others_theirs() {
        let mut retention = Retention::default();
        (retention.series_max, retention.series_per_source_max) = (4_000, 10);
        let mut shares = Shares::new(&retention);
        let of = |key: &str, client: u64| Dimensions {
            key: key.into(),
            client: client.to_string().into(),
            method: "GET".into(),
            ..Dimensions::default()
        };
        let mut check = |key: &str, count: u64, expected: &[&str]| {
            let all = 3_999;
            shares.refill([("others".to_owned(), all - count.min(all)), (key.to_owned(), count)]);
            let forms = shares.forms(&of(key, 7));
            let forms: Vec<_> = forms
                .iter()
                .map(|form| format!("{} {}", form.route, form.method))
                .collect();
            assert_eq!(forms, expected, "{key} {count}");
        };
        check("a", 0, &[" GET"]);
        check("a", 9, &[" GET"]);
        check("a", 10, &["(other) GET"]);
        check("a", 19, &["(other) GET"]);
        check("a", 20, &["(other) GET", "(other) (other)"]);
        // All are taken by others: the first four are left to each.
        shares.refill([("others".to_owned(), 5_000), ("b".to_owned(), 3)]);
        assert_eq!(shares.forms(&of("b", 7)), [of("b", 7)]);
        shares.added(&of("b", 7));
        assert_eq!(shares.forms(&of("b", 8)), [of("b", 8).collapsed()]);
        // Whoever sends events makes them, whatever keys they are on.
        let sent = Dimensions {
            source: "gateway".into(),
            ..of("b", 7)
        };
        assert_eq!(&**sent.made_by(), "gateway");
    }
}
