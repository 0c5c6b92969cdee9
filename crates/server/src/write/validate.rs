//! What is wrong with a write whatever the state is: sizes, names and labels.

use std::{borrow::Cow, collections::HashMap};

use nexus_metric::{
    Labels, is_legacy_label_name,
    text::{Escaping, escape_label_name},
};

use super::{Change, FamilyName, LabelText, Mode, Reason, Refusal, Refusals, Target, Write};

/// How large what a client sends may be. Each is a setting of the same name under `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestLimits {
    pub(crate) labels_per_series_max: usize,
    pub(crate) name_bytes_max: usize,
    pub(crate) value_bytes_max: usize,
    pub(crate) labels_bytes_max: usize,
    pub(crate) help_bytes_max: usize,
}

impl RequestLimits {
    /// As much as there is memory for.
    pub(crate) const NONE: RequestLimits = RequestLimits {
        labels_per_series_max: usize::MAX,
        name_bytes_max: usize::MAX,
        value_bytes_max: usize::MAX,
        labels_bytes_max: usize::MAX,
        help_bytes_max: usize::MAX,
    };
}

impl Write<'_> {
    /// What is wrong with the write whatever the state is; where it may happen in part, all that is. Runs in the request's
    /// own task.
    pub(crate) fn validate(&self, limits: &RequestLimits) -> Refusals {
        let most = match self.mode {
            Mode::All => Refusal::LIST_MAX,
            Mode::Each => usize::MAX,
        };
        let found = self.changes.iter().enumerate().filter_map(|(index, change)| {
            let reason = change_reason(change, limits)?;
            Some((index, reason))
        });
        let mut refusals = Refusals::default();
        for (index, reason) in found.take(most) {
            refusals.push(index, reason);
        }
        refusals
    }
}

fn change_reason(change: &Change<'_>, limits: &RequestLimits) -> Option<Reason> {
    let name = change.family().and_then(|family| name_reason(family, limits));
    name.or_else(|| change.target().and_then(|target| target_reason(target, limits)))
}

fn name_reason(family: &FamilyName<'_>, limits: &RequestLimits) -> Option<Reason> {
    over(family.as_str().len(), limits.name_bytes_max, "name_bytes_max", || {
        "the metric's name".to_owned()
    })
}

fn target_reason(target: &Target<'_>, limits: &RequestLimits) -> Option<Reason> {
    let define = target.define.definition();
    let help = define.map_or(0, |define| define.help.len() + define.unit.len());
    let help = over(help, limits.help_bytes_max, "help_bytes_max", || {
        "the help text".to_owned()
    });
    let labels = over(
        target.labels.as_str().len(),
        limits.labels_bytes_max,
        "labels_bytes_max",
        || "the length of all labels".to_owned(),
    );
    help.or(labels)
        .or_else(|| labels_reason(&target.labels, limits))
        .or_else(|| group_reason(target, limits))
}

fn group_reason(target: &Target<'_>, limits: &RequestLimits) -> Option<Reason> {
    let mut labels = target.group.as_ref()?.pairs().enumerate();
    labels.find_map(|(place, (name, value))| label_reason(place, &name, &value, limits))
}

fn labels_reason(labels: &LabelText<'_>, limits: &RequestLimits) -> Option<Reason> {
    let few = labels.as_str().bytes().filter(|byte| *byte == b'=').count() <= limits.labels_per_series_max;
    let is_fine = |name: &[u8], value: &[u8]| {
        let short = name.len() <= limits.name_bytes_max && value.len() <= limits.value_bytes_max;
        short && name != b"le" && name != b"quantile"
    };
    // As nearly all are.
    if few && Labels::is_plain_text_and(labels.as_str(), is_fine) {
        return None;
    }
    let mut legacy = true;
    for (place, (name, value)) in labels.pairs().enumerate() {
        legacy &= is_legacy_label_name(&name);
        for reserved in ["le", "quantile"] {
            if name == reserved {
                return Some(Reason::ReservedLabel(reserved));
            }
        }
        let reason = label_reason(place, &name, &value, limits);
        if reason.is_some() {
            return reason;
        }
    }
    if legacy { None } else { collision(labels) }
}

/// What is too large of the label at this place.
fn label_reason(place: usize, name: &str, value: &str, limits: &RequestLimits) -> Option<Reason> {
    let count = over(place + 1, limits.labels_per_series_max, "labels_per_series_max", || {
        "the number of labels".to_owned()
    });
    count
        .or_else(|| {
            over(name.len(), limits.name_bytes_max, "name_bytes_max", || {
                format!("label name {:?}", shortened(name))
            })
        })
        .or_else(|| {
            over(value.len(), limits.value_bytes_max, "value_bytes_max", || {
                format!("the value of label {name:?}")
            })
        })
}

/// Two labels that scrapers who read no UTF-8 names would see as one: Prometheus refuses a whole scrape for that. Legacy names
/// stay as they are, so there must be another among them.
fn collision(labels: &LabelText<'_>) -> Option<Reason> {
    let names: Vec<Cow<'_, str>> = labels.pairs().map(|(name, _)| name).collect();
    [Escaping::Underscores, Escaping::Dots, Escaping::Values]
        .into_iter()
        .find_map(|escaping| {
            // The name of the metric is a label, too.
            let metric = Cow::Borrowed("__name__");
            let mut seen = HashMap::from([(metric.clone(), &metric)]);
            names.iter().find_map(|name| {
                // As they are written: legacy names stay as they are.
                let exposed = match is_legacy_label_name(name) {
                    true => name.clone(),
                    false => escape_label_name(name, escaping),
                };
                let first = seen.insert(exposed.clone(), name)?;
                Some(Reason::LabelCollision {
                    one: (**first).into(),
                    other: (**name).into(),
                    exposed: exposed.into(),
                })
            })
        })
}

fn over(amount: usize, max: usize, setting: &'static str, what: impl FnOnce() -> String) -> Option<Reason> {
    (amount > max).then(|| Reason::Limit {
        what: what(),
        max: max as u64,
        setting,
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use nexus_metric::Name;

    use super::*;
    use crate::write::{GroupKey, Op};

    fn check(name: &str, labels: &[(&str, &str)], expected: Option<&str>) {
        let limits = RequestLimits {
            labels_per_series_max: 2,
            name_bytes_max: 5,
            value_bytes_max: 3,
            labels_bytes_max: usize::MAX,
            help_bytes_max: 4,
        };
        let labels = Labels::from_pairs(labels.iter().copied()).unwrap();
        let target = Target::new(Name::new(name).unwrap(), labels);
        let write = Write::of("k", vec![Change::Series(target, Op::Ensure)]);
        let found = write
            .validate(&limits)
            .list()
            .first()
            .map(|refusal| refusal.reason.to_string());
        assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn every_limit_holds_on_both_sides() {
        check("12345", &[], None);
        check("123456", &[], Some("limit of 5 (limits.name_bytes_max)"));
        check("a", &[("a", "1"), ("b", "2")], None);
        check(
            "a",
            &[("a", "1"), ("b", "2"), ("c", "3")],
            Some("limit of 2 (limits.labels_per_series_max)"),
        );
        check("a", &[("abcde", "123")], None);
        check("a", &[("abcdef", "123")], Some("limits.name_bytes_max"));
        check(
            "a",
            &[("abcde", "1234")],
            Some("the value of label \"abcde\" is over the limit of 3 (limits.value_bytes_max)"),
        );
        check("a", &[("le", "1")], Some("reserved"));
        check("a", &[("quantile", "1")], Some("reserved"));
    }

    #[test]
    fn labels_that_escape_to_the_same_are_refused() {
        let collision = Some("would both be exposed as");
        check("a", &[("a.b", "1"), ("a_b", "1")], collision);
        check("a", &[("é", "1"), ("è", "1")], collision);
        check("a", &[("a.b", "1"), ("a:b", "1")], collision);
        check("a", &[("a.b", "1"), ("a.c", "1")], None);
        check("a", &[("a__b", "1"), ("a_b", "1")], None);
    }

    #[test]
    fn a_group_is_held_to_the_limits_of_labels() {
        let limits = RequestLimits {
            value_bytes_max: 3,
            labels_bytes_max: usize::MAX,
            labels_per_series_max: 2,
            ..RequestLimits::NONE
        };
        let check = |group: &[(&str, &str)], expected: Option<&str>| {
            let mut target = Target::new(Name::new("a").unwrap(), Labels::none());
            target.group = Some(GroupKey::from_pairs(group.iter().copied()).unwrap());
            let found = target_reason(&target, &limits).map(|reason| reason.to_string());
            assert_eq!(found.as_deref(), expected);
        };
        check(&[("job", "abc"), ("x", "")], None);
        check(
            &[("job", "abcd")],
            Some("the value of label \"job\" is over the limit of 3 (limits.value_bytes_max)"),
        );
        check(
            &[("job", "a"), ("x", ""), ("y", "")],
            Some("the number of labels is over the limit of 2 (limits.labels_per_series_max)"),
        );
    }

    #[test]
    fn where_a_write_may_happen_in_part_all_that_is_wrong_is_found() {
        let change = || Change::Series(Target::new(Name::new("12345").unwrap(), Labels::none()), Op::Ensure);
        let limits = RequestLimits {
            name_bytes_max: 4,
            ..RequestLimits::NONE
        };
        let mut write = Write::of(
            "k",
            std::iter::repeat_with(change).take(2 * Refusal::LIST_MAX).collect(),
        );
        assert_eq!(write.validate(&limits).len(), Refusal::LIST_MAX);
        write.mode = Mode::Each;
        assert_eq!(write.validate(&limits).len(), 2 * Refusal::LIST_MAX);
    }
}
