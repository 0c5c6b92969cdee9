//! Why changes cannot be.

use std::fmt;

use nexus_metric::{Kind, Labels, Name, text::number};

/// Why one change of a write cannot be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The change's place in the write, from 0.
    pub(crate) index: usize,
    /// What is wrong with it.
    pub(crate) reason: Reason,
}

impl Refusal {
    /// How many refusals of one write are listed; the rest is left out.
    pub(crate) const LIST_MAX: usize = 100;
}

/// The refused changes of a write: all by their places, the first of them with their reasons.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Refusals {
    /// At most [`Refusal::LIST_MAX`].
    list: Vec<Refusal>,
    /// Rising, the listed ones among them.
    places: Vec<usize>,
}

impl Refusals {
    /// Adds one that is behind all others.
    pub(crate) fn push(&mut self, index: usize, reason: Reason) {
        self.places.push(index);
        if self.list.len() < Refusal::LIST_MAX {
            self.list.push(Refusal { index, reason });
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn list(&self) -> &[Refusal] {
        &self.list
    }

    /// Takes the first of them; they are still counted.
    pub(crate) fn take_list(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.list)
    }

    /// The first of them, without the others.
    pub(crate) fn into_list(self) -> Vec<Refusal> {
        self.list
    }

    /// Leaves the others of a list that has an item for each change.
    pub(crate) fn take_out_of<T>(&self, items: &mut Vec<T>) {
        let mut refused = self.places.iter().peekable();
        let mut place = 0;
        items.retain(|_| {
            let is_refused = refused.next_if(|refused| **refused == place).is_some();
            place += 1;
            !is_refused
        });
    }

    /// Adds refusals whose places count only what these here left.
    pub(crate) fn add_of_the_rest(&mut self, rest: Refusals) {
        let mut before = self.places.iter().peekable();
        let mut passed = 0;
        // A place among the rest is so much further on as there are refused ones before it.
        let places: Vec<usize> = rest
            .places
            .iter()
            .map(|place| {
                while before.next_if(|before| **before <= place + passed).is_some() {
                    passed += 1;
                }
                place + passed
            })
            .collect();
        let listed = rest.list.into_iter().zip(&places);
        self.list.extend(listed.map(|(refusal, place)| Refusal {
            index: *place,
            reason: refusal.reason,
        }));
        self.list.sort_by_key(|refusal| refusal.index);
        self.list.truncate(Refusal::LIST_MAX);
        self.places.extend(places);
        self.places.sort_unstable();
    }
}

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Reason {
    /// The family does not exist, and the change does not define it.
    #[error("there is no metric {0}")]
    UnknownFamily(Name),
    /// The series does not exist.
    #[error("there is no series {0}{1}")]
    UnknownSeries(Name, Labels),
    /// The family is of another kind than the change needs.
    #[error("{name} is a {is}: {wanted}")]
    KindConflict {
        /// The family.
        name: Name,
        /// What it is.
        is: Kind,
        /// What the change would need.
        wanted: String,
    },
    /// The family has other bucket bounds than the change needs.
    #[error("{0} has other buckets")]
    BucketsConflict(Name),
    /// Another family exposes a name that this one would expose too.
    #[error("{name} would expose {exposed}, which {by} exposes already")]
    NameCollision {
        /// The family to be made.
        name: Name,
        /// The name that both would expose.
        exposed: Box<str>,
        /// The family that is there.
        by: Name,
    },
    /// Another family was made meanwhile that the same name means, spelled otherwise.
    #[error("{name} is another spelling of {is}, which was made just now: send it again")]
    OtherSpelling {
        /// The family to be made.
        name: Name,
        /// The family that is there.
        is: Name,
    },
    /// The name belongs to the hub itself.
    #[error("{0} is reserved: names that begin with metric_nexus_ or __, or are shown so, belong to the hub")]
    ReservedName(Name),
    /// The kind cannot be stored.
    #[error("{0} cannot be of type {1}: the hub keeps gauge, counter, histogram and untyped")]
    UnsupportedKind(Name, Kind),
    /// The label belongs to the exposition.
    #[error("label {0:?} is reserved for the hub's own use in histograms and summaries")]
    ReservedLabel(&'static str),
    /// Two labels of one series would be exposed under one name to scrapers that read no UTF-8 names.
    #[error("labels {one:?} and {other:?} would both be exposed as {exposed:?}")]
    LabelCollision {
        /// One label's name.
        one: Box<str>,
        /// The other's.
        other: Box<str>,
        /// What both look like.
        exposed: Box<str>,
    },
    /// A counter would go down.
    #[error("counter {name}{labels} cannot go down from {} to {}", Shown(*from), Shown(*to))]
    CounterDown {
        /// The family.
        name: Name,
        /// The series.
        labels: Labels,
        /// The value that it has.
        from: f64,
        /// The value that it would have.
        to: f64,
    },
    /// A counter is so large that what is added does not change it.
    #[error("{name} is {}: adding {} does not change it any more, since a number has 53 bits; delete it, or begin a new one", Shown(*value), Shown(*delta))]
    Lost {
        /// The family.
        name: Name,
        /// The value that it has.
        value: f64,
        /// What would be added.
        delta: f64,
    },
    /// A bucket of a histogram would count more than fits.
    #[error("a bucket of {0} would count more than 2^64 - 1, or might with what the write merges elsewhere")]
    CountTooLarge(Name),
    /// A counter or a histogram's sum would not be a finite number.
    #[error("{name}: {} is not a finite number, which a {kind} needs", Shown(*value))]
    NotFinite {
        /// The family.
        name: Name,
        /// Its kind.
        kind: Kind,
        /// The value.
        value: f64,
    },
    /// The API key may not make the change; the text says why.
    #[error("{0}")]
    Forbidden(String),
    /// A limit would be passed.
    #[error("{what} is over the limit of {max} (limits.{setting})")]
    Limit {
        /// What there is too much of.
        what: String,
        /// How much is allowed.
        max: u64,
        /// The setting that says so.
        setting: &'static str,
    },
}

/// A value as it is exposed.
struct Shown(f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        number::write(&mut text, self.0);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(places: &[usize]) -> Refusals {
        let mut refusals = Refusals::default();
        for place in places {
            refusals.push(*place, Reason::ReservedLabel("le"));
        }
        refusals
    }

    #[test]
    fn places_are_those_that_the_client_knows() {
        let check = |first: &[usize], then: &[usize], expected: &[usize]| {
            let mut refusals = refused(first);
            refusals.add_of_the_rest(refused(then));
            assert_eq!(refusals.places, expected);
            assert!(refusals.list.iter().map(|refusal| &refusal.index).eq(expected));

            let (mut once, mut twice) = ((0..9).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
            refusals.take_out_of(&mut once);
            refused(first).take_out_of(&mut twice);
            refused(then).take_out_of(&mut twice);
            assert_eq!(once, twice);
        };
        check(&[], &[], &[]);
        check(&[1, 2], &[], &[1, 2]);
        check(&[], &[0, 3], &[0, 3]);
        check(&[0, 1, 4], &[0, 1, 2, 3], &[0, 1, 2, 3, 4, 5, 6]);
        check(&[3], &[2, 3], &[2, 3, 4]);
    }

    #[test]
    fn all_are_counted_and_few_are_listed() {
        let many: Vec<usize> = (0..250).map(|place| 2 * place).collect();
        let mut refusals = refused(&many);
        refusals.add_of_the_rest(refused(&many));
        assert_eq!((refusals.len(), refusals.list().len()), (500, Refusal::LIST_MAX));
        assert!(refusals.list().is_sorted_by_key(|refusal| refusal.index));
    }
}
