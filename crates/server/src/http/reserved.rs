//! First segments of paths that name no metrics.

use std::sync::Arc;

/// The segments that are taken, with what each is for. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reserved(Arc<[(&'static str, &'static str)]>);

impl Reserved {
    /// Of several purposes of one segment, the first counts.
    pub(crate) fn new(segments: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let mut first: Vec<(&str, &str)> = Vec::new();
        for (segment, purpose) in segments {
            if first.iter().all(|(known, _)| *known != segment) {
                first.push((segment, purpose));
            }
        }
        Reserved(first.into())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().copied()
    }

    /// What the segment is for, if it names no metric.
    pub(crate) fn purpose(&self, segment: &str) -> Option<&'static str> {
        self.all()
            .find(|(known, _)| *known == segment)
            .map(|(_, purpose)| purpose)
    }
}
