//! Back from what is borrowed to what is not, for tests and fuzzing: what is read must be what was written.

use nexus_metric::{Labels, Name};

use super::{
    super::{Change, CodecError, RecordedWrite, Target, Write},
    Amount, ChangeView, TargetView,
};

impl RecordedWrite<'_> {
    /// The same with texts of its own.
    pub(crate) fn write(&self) -> Result<Write, CodecError> {
        Ok(Write {
            owner: self.owner.into(),
            idempotency: self.idempotency,
            changes: self.changes().map(ChangeView::change).collect::<Result<_, _>>()?,
        })
    }
}

impl TargetView<'_> {
    fn target(&self) -> Result<Target, CodecError> {
        Ok(Target {
            family: name(self.family)?,
            labels: labels(self.labels)?,
            define: self.define.definition(),
        })
    }
}

impl ChangeView<'_> {
    /// The same, with texts of its own.
    pub(crate) fn change(self) -> Result<Change, CodecError> {
        Ok(match self {
            ChangeView::Series(target, amount) => {
                let target = target.target()?;
                match amount {
                    Amount::Nothing => Change::Create { target },
                    Amount::Set(value) => Change::Set { target, value },
                    Amount::Add(delta) => Change::Add { target, delta },
                    Amount::Observe(value) => Change::Observe { target, value },
                    Amount::Merge(delta) => Change::Merge {
                        target,
                        delta: delta.into_owned(),
                    },
                }
            }
            ChangeView::Delete { family, labels: None } => Change::Delete {
                family: name(family)?,
                labels: None,
            },
            ChangeView::Delete {
                family,
                labels: Some(text),
            } => Change::Delete {
                family: name(family)?,
                labels: Some(labels(text)?),
            },
            ChangeView::DeleteMatching { selector, prefix } => Change::DeleteMatching {
                selector: selector.into_owned(),
                prefix: prefix.into(),
            },
        })
    }
}

fn name(text: &str) -> Result<Name, CodecError> {
    Name::new(text).map_err(|_| CodecError::Invalid("a name"))
}

fn labels(text: &str) -> Result<Labels, CodecError> {
    Labels::from_text(text).map_err(|_| CodecError::Invalid("a label set"))
}
