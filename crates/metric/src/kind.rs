//! Counter, gauge, histogram, untyped.

use std::{fmt, str::FromStr};

/// What a family of series measures; decides which operations it allows and how it is exposed.
///
/// The set is that of OpenMetrics 1.0, with `untyped` standing for its `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A value that may go up and down.
    Gauge,
    /// A value that only goes up, from zero.
    Counter,
    /// Observations counted in buckets with upper bounds, with their sum and count.
    Histogram,
    /// Quantiles computed by the client, with sum and count; only passed through.
    Summary,
    /// A value of which nothing more is known.
    Untyped,
    /// Labels that describe something; the value is 1. OpenMetrics only.
    Info,
    /// A set of named states, each on or off. OpenMetrics only.
    StateSet,
    /// A histogram whose buckets may go down. OpenMetrics only.
    GaugeHistogram,
}

impl Kind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Kind; 8] = [
        Kind::Gauge,
        Kind::Counter,
        Kind::Histogram,
        Kind::Summary,
        Kind::Untyped,
        Kind::Info,
        Kind::StateSet,
        Kind::GaugeHistogram,
    ];

    /// The name in the Prometheus text format 0.0.4 and in our JSON (`untyped`, never `unknown`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Untyped => "untyped",
            Kind::Info => "info",
            Kind::StateSet => "stateset",
            Kind::GaugeHistogram => "gaugehistogram",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown type {0:?}: use gauge, counter, histogram, summary or untyped")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    /// Reads a kind's name in lower case; OpenMetrics' `unknown` is [`Kind::Untyped`].
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        if text == "unknown" {
            return Ok(Kind::Untyped);
        }
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_by_their_names() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("unknown".parse(), Ok(Kind::Untyped));
        for text in ["", "Gauge", "timer"] {
            assert_eq!(text.parse::<Kind>(), Err(UnknownKind(text.into())));
        }
    }
}
