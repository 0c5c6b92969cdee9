//! Strokes become an addition: `|||` adds 3.

use nexus_metric::{Kind, Labels, Name, NameError};

use crate::write::{Change, Definition, Op, Target};

#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum ToyError {
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("{0:?} is no stroke")]
    NoStroke(char),
}

pub(super) fn parse(counter: &str, body: &str) -> Result<Change<'static>, ToyError> {
    if let Some(other) = body.chars().find(|stroke| *stroke != '|') {
        return Err(ToyError::NoStroke(other));
    }
    let target = Target::new(Name::legacy(counter)?, Labels::none());
    let counter = Definition::of(Kind::Counter).into();
    let strokes = body.chars().map(|_| 1.0).sum();
    Ok(Change::Series(target.defining(Some(counter)), Op::Add(strokes)))
}

#[test]
fn strokes_are_counted() {
    assert!(matches!(parse("a", "|||"), Ok(Change::Series(_, Op::Add(3.0)))));
    assert_eq!(parse("a", "|x"), Err(ToyError::NoStroke('x')));
}
