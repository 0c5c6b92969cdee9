//! One item of a batch, as `serde` reads it, and the change that it means.

use std::{borrow::Cow, fmt, sync::Arc};

use nexus_metric::{Buckets, BucketsError, Kind, LabelError, Labels, Name, NameError, UnknownKind};
use serde::Deserialize;

use crate::{
    json::{Count, Number, Object, Pairs, Text},
    write::{self, Change, Definition, HistogramDelta, Target},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Op {
    Create,
    Set,
    Add,
    Sub,
    Inc,
    Dec,
    Observe,
    Merge,
    Delete,
}

impl Op {
    /// The one that is sent so.
    pub(super) fn named(text: &str) -> Option<Self> {
        Some(match text {
            "create" => Op::Create,
            "set" => Op::Set,
            "add" => Op::Add,
            "sub" => Op::Sub,
            "inc" => Op::Inc,
            "dec" => Op::Dec,
            "observe" => Op::Observe,
            "merge" => Op::Merge,
            "delete" => Op::Delete,
            _ => return None,
        })
    }
}

impl fmt::Display for Op {
    /// As it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Create => "create",
            Op::Set => "set",
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Inc => "inc",
            Op::Dec => "dec",
            Op::Observe => "observe",
            Op::Merge => "merge",
            Op::Delete => "delete",
        })
    }
}

/// An item as it is sent.
pub(super) type Item<'a> = Object<Fields<'a>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields<'a> {
    op: Op,
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow, default)]
    labels: Option<Pairs<'a>>,
    #[serde(default)]
    value: Option<Number>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    help: Option<Text<'a>>,
    #[serde(borrow, default)]
    unit: Option<Text<'a>>,
    #[serde(default)]
    buckets: Option<Vec<Number>>,
    #[serde(default)]
    counts: Option<Box<[Count]>>,
    #[serde(default)]
    sum: Option<Number>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ItemError {
    #[error("{0}")]
    Shape(String),
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("{0}")]
    Label(#[from] LabelError),
    #[error("{0}")]
    Kind(#[from] UnknownKind),
    #[error("{0}")]
    Buckets(#[from] BucketsError),
    #[error("{0} counts, at most {max} are allowed", max = Buckets::BOUNDS_MAX + 1)]
    Counts(usize),
    #[error("{op} needs {field:?}")]
    Missing { op: Op, field: &'static str },
    #[error("{op} takes no {field:?}")]
    Superfluous { op: Op, field: &'static str },
}

/// What the item before said, which the next one mostly says again: it is shared instead of made anew.
#[derive(Default)]
pub(super) struct Before {
    name: Option<Name>,
    definition: Option<Arc<Definition>>,
}

impl Before {
    pub(super) fn name(&mut self, text: &str) -> Result<Name, NameError> {
        match &self.name {
            Some(name) if name.as_str() == text => Ok(name.clone()),
            _ => Ok(self.name.insert(Name::new(text)?).clone()),
        }
    }

    pub(super) fn definition(
        &mut self,
        kind: Option<Kind>,
        help: &str,
        unit: &str,
        buckets: Option<Buckets>,
    ) -> Arc<Definition> {
        match &self.definition {
            Some(before)
                if before.kind == kind
                    && is_same(&before.help, help)
                    && is_same(&before.unit, unit)
                    && before.buckets == buckets =>
            {
                before.clone()
            }
            _ => {
                let (help, unit) = (help.into(), unit.into());
                let definition = Definition {
                    kind,
                    help,
                    unit,
                    buckets,
                };
                self.definition.insert(Arc::new(definition)).clone()
            }
        }
    }
}

/// Whether both are the same text. Empty ones, as nearly all are here, never reach `memcmp`: they point nowhere, and some
/// processors take a hundred times longer to compare nothing there than to see that it is nothing.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl Fields<'_> {
    pub(super) fn change(self, before: &mut Before) -> Result<Change<'static>, ItemError> {
        self.has_only_what_its_op_takes()?;
        let op = self.op;
        if op == Op::Delete {
            let labels = self.labels.map(|pairs| Labels::from_pairs(pairs.0)).transpose()?;
            return Ok(Change::Delete {
                family: before.name(&self.metric)?.into(),
                labels: labels.map(Into::into),
            });
        }
        let missing = |field| ItemError::Missing { op, field };
        let value = || self.value.map(|number| number.0).ok_or(missing("value"));
        let happens = match op {
            Op::Create | Op::Delete => write::Op::Ensure,
            Op::Set => write::Op::Set(value()?),
            Op::Add => write::Op::Add(value()?),
            Op::Sub => write::Op::Add(-value()?),
            Op::Inc => write::Op::Add(1.0),
            Op::Dec => write::Op::Add(-1.0),
            Op::Observe => write::Op::Observe(value()?),
            Op::Merge => {
                let counts = self.counts.as_ref().ok_or(missing("counts"))?;
                let counts: Box<[u64]> = counts.iter().map(|count| count.0).collect();
                if counts.len() > Buckets::BOUNDS_MAX + 1 {
                    return Err(ItemError::Counts(counts.len()));
                }
                let sum = self.sum.ok_or(missing("sum"))?.0;
                write::Op::Merge(Box::new(HistogramDelta { counts, sum }))
            }
        };
        Ok(Change::Series(self.target(before)?, happens))
    }

    fn has_only_what_its_op_takes(&self) -> Result<(), ItemError> {
        let takes_value = matches!(self.op, Op::Set | Op::Add | Op::Sub | Op::Observe);
        let (merges, deletes) = (self.op == Op::Merge, self.op == Op::Delete);
        for (given, allowed, field) in [
            (self.value.is_some(), takes_value, "value"),
            (self.counts.is_some(), merges, "counts"),
            (self.sum.is_some(), merges, "sum"),
            (self.kind.is_some(), !deletes, "type"),
            (self.help.is_some(), !deletes, "help"),
            (self.unit.is_some(), !deletes, "unit"),
            (self.buckets.is_some(), !deletes, "buckets"),
        ] {
            if given && !allowed {
                return Err(ItemError::Superfluous { op: self.op, field });
            }
        }
        Ok(())
    }

    fn target(self, before: &mut Before) -> Result<Target<'static>, ItemError> {
        let defines = self.op == Op::Create || self.kind.is_some() || self.buckets.is_some();
        let kind = match &self.kind {
            Some(kind) => Some(kind.0.parse()?),
            // Only a histogram has buckets.
            None => self.buckets.as_ref().map(|_| Kind::Histogram),
        };
        let buckets = self
            .buckets
            .map(|bounds| Buckets::new(&bounds.iter().map(|bound| bound.0).collect::<Vec<_>>()))
            .transpose()?;
        let [help, unit] = [&self.help, &self.unit].map(|text| text.as_ref().map_or("", |text| &text.0));
        let define = defines.then(|| before.definition(kind, help, unit, buckets));
        let labels = self
            .labels
            .map_or_else(|| Ok(Labels::none()), |pairs| Labels::from_pairs(pairs.0))?;
        Ok(Target::new(before.name(&self.metric)?, labels).defining(define))
    }
}
