//! The text formats that Prometheus reads, and their media types.

use std::{fmt, str::FromStr};

/// A text format that Prometheus reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The classic text format, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// How names that are not legacy names are exposed; a scraper asks for one by `escaping=` in its `Accept` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// `allow-utf-8`: as they are, in quotes.
    AllowUtf8,
    /// `underscores`: every character that is not legal becomes `_`.
    Underscores,
    /// `dots`: `.` becomes `_dot_`, `_` and every character that is not legal become `__`.
    Dots,
    /// `values`: `U__`, then `_` and the code point in hexadecimal and `_` for every character that is not legal.
    Values,
}

impl Format {
    /// The value of `Content-Type` for a body in this format and escaping.
    #[must_use]
    pub const fn content_type(self, escaping: Escaping) -> &'static str {
        match (self, escaping) {
            (Format::Prometheus, Escaping::AllowUtf8) => {
                "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::Prometheus, Escaping::Underscores) => {
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
            }
            (Format::Prometheus, Escaping::Dots) => "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
            (Format::Prometheus, Escaping::Values) => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
            (Format::OpenMetrics, Escaping::AllowUtf8) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::OpenMetrics, Escaping::Underscores) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (Format::OpenMetrics, Escaping::Dots) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots"
            }
            (Format::OpenMetrics, Escaping::Values) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values"
            }
        }
    }

    /// The value of `Content-Type` for scrapers that did not ask for an escaping.
    #[must_use]
    pub const fn plain_content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Escaping {
    /// Every escaping.
    pub const ALL: [Escaping; 4] = [
        Escaping::AllowUtf8,
        Escaping::Underscores,
        Escaping::Dots,
        Escaping::Values,
    ];

    /// The name in the `escaping=` parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Escaping::AllowUtf8 => "allow-utf-8",
            Escaping::Underscores => "underscores",
            Escaping::Dots => "dots",
            Escaping::Values => "values",
        }
    }
}

impl fmt::Display for Escaping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of an escaping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown escaping {0:?}: use allow-utf-8, underscores, dots or values")]
pub struct UnknownEscaping(pub String);

impl FromStr for Escaping {
    type Err = UnknownEscaping;

    fn from_str(text: &str) -> Result<Self, UnknownEscaping> {
        Escaping::ALL
            .into_iter()
            .find(|escaping| escaping.as_str() == text)
            .ok_or_else(|| UnknownEscaping(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_name_their_escaping() {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            for escaping in Escaping::ALL {
                let expected = format!("{}; escaping={escaping}", format.plain_content_type());
                assert_eq!(format.content_type(escaping), expected);
                assert_eq!(escaping.as_str().parse(), Ok(escaping));
            }
        }
        assert_eq!("Dots".parse::<Escaping>(), Err(UnknownEscaping("Dots".into())));
    }
}
