//! Strokes become an addition: `|||` adds 3.

use nexus_metric::{Kind, Labels, Name, NameError};

use crate::write::{Change, Definition, Target};

#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum ToyError {
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("{0:?} is no stroke")]
    NoStroke(char),
}

pub(super) fn parse(counter: &str, body: &str) -> Result<Change, ToyError> {
    if let Some(other) = body.chars().find(|stroke| *stroke != '|') {
        return Err(ToyError::NoStroke(other));
    }
    let target = Target {
        family: Name::legacy(counter)?,
        labels: Labels::none(),
        define: Some(Definition::of(Kind::Counter).into()),
    };
    let delta = body.chars().map(|_| 1.0).sum();
    Ok(Change::Add { target, delta })
}

#[test]
fn strokes_are_counted() {
    assert!(matches!(parse("a", "|||"), Ok(Change::Add { delta: 3.0, .. })));
    assert_eq!(parse("a", "|x"), Err(ToyError::NoStroke('x')));
}
