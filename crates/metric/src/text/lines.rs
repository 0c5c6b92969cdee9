//! Header and sample lines.

use std::borrow::Cow;

use super::{
    Escaping, Format,
    escape::{push_escaped, push_escaped_but_quotes, push_labels},
    escape_name, number,
};
use crate::{Family, Kind, is_legacy_name};

/// What a family's header lines say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The family's name, for counters with their `_total`.
    pub name: &'a str,
    /// What it measures.
    pub kind: Kind,
    /// Text for people; may be empty.
    pub help: &'a str,
    /// OpenMetrics' unit; may be empty.
    pub unit: &'a str,
}

impl<'a> From<&'a Family> for Header<'a> {
    fn from(family: &'a Family) -> Self {
        Header {
            name: family.name.as_str(),
            kind: family.kind,
            help: &family.help,
            unit: &family.unit,
        }
    }
}

/// Which of a series' samples a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suffix {
    /// The value itself, under the family's name.
    Value,
    /// `_bucket`.
    Bucket,
    /// `_sum`; `_gsum` in a gauge histogram.
    Sum,
    /// `_count`; `_gcount` in a gauge histogram.
    Count,
    /// `_created`.
    Created,
}

/// The label that a sample has beyond those of its series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extra {
    /// No further label.
    None,
    /// `le`, the upper bound of a bucket.
    Le(f64),
    /// `quantile`, of a summary.
    Quantile(f64),
}

/// Writes the lines of one family; made once per family, it has the name spelled already.
///
/// A sample's line is [`Lines::start`], then a number, then perhaps [`Lines::timestamp`] and [`Lines::exemplar`], then
/// a line end. What `start` writes never changes for a series, so it may be kept and copied. Nothing is checked: the
/// caller knows that names and labels are legal, and writes each family and each series once.
///
/// ```
/// use nexus_metric::{Kind, text::{Escaping, Extra, Format, Header, Lines, Suffix, number}};
///
/// let header = Header { name: "wait_seconds", kind: Kind::Histogram, help: "", unit: "seconds" };
/// let lines = Lines::new(header, Format::OpenMetrics, Escaping::AllowUtf8);
/// let mut out = Vec::new();
/// lines.header(&mut out);
/// lines.start(&mut out, Suffix::Bucket, r#"job="a""#, Extra::Le(1.0));
/// number::write_count(&mut out, 3);
/// out.push(b'\n');
/// let expected = "# TYPE wait_seconds histogram\n# UNIT wait_seconds seconds\nwait_seconds_bucket{job=\"a\",le=\"1.0\"} 3\n";
/// assert_eq!(out, expected.as_bytes());
/// ```
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    header: Header<'a>,
    format: Format,
    escaping: Escaping,
    /// The name as it stands in a sample: escaped by name and, if it is to be quoted, for the quotes.
    name: Cow<'a, str>,
    quoted: bool,
    /// Whether the suffix of the kind, `_total` or `_info`, ends the name, as OpenMetrics wants it.
    suffixed: bool,
}

impl<'a> Lines<'a> {
    /// The lines of the family that `header` describes.
    #[must_use]
    pub fn new(header: Header<'a>, format: Format, escaping: Escaping) -> Self {
        let legacy = is_legacy_name(header.name);
        let quoted = !legacy && escaping == Escaping::AllowUtf8;
        let name = match (legacy, escaping) {
            (true, _) => Cow::Borrowed(header.name),
            (false, Escaping::AllowUtf8) => Cow::Owned(in_quotes(header.name)),
            (false, _) => escape_name(header.name, escaping),
        };
        let suffixed = own_suffix(header.kind)
            .is_some_and(|suffix| header.name.strip_suffix(suffix).is_some_and(|base| !base.is_empty()));
        Lines {
            header,
            format,
            escaping,
            name,
            quoted,
            suffixed,
        }
    }

    /// Appends the `HELP`, `TYPE` and `UNIT` lines.
    ///
    /// `HELP` only if there is a text, `UNIT` only in OpenMetrics and only if the announced name ends in it.
    pub fn header(&self, out: &mut Vec<u8>) {
        if !self.header.help.is_empty() {
            self.meta(out, b"# HELP ");
            match self.format {
                Format::Prometheus => push_escaped_but_quotes(out, self.header.help),
                Format::OpenMetrics => push_escaped(out, self.header.help),
            }
            out.push(b'\n');
        }
        self.meta(out, b"# TYPE ");
        out.extend_from_slice(self.announced_kind().as_bytes());
        out.push(b'\n');
        if self.has_unit() {
            self.meta(out, b"# UNIT ");
            out.extend_from_slice(self.header.unit.as_bytes());
            out.push(b'\n');
        }
    }

    /// Appends a sample's line up to its value: `name{labels,extra} `, the blank included.
    ///
    /// `labels` is what [`Labels::as_text`](crate::Labels::as_text) gives.
    pub fn start(&self, out: &mut Vec<u8>, suffix: Suffix, labels: &str, extra: Extra) {
        let mut separator = b'{';
        if self.quoted {
            out.extend_from_slice(b"{\"");
            separator = b',';
        }
        let stem = if suffix == Suffix::Value {
            &*self.name
        } else {
            self.base()
        };
        out.extend_from_slice(stem.as_bytes());
        out.extend_from_slice(suffix.of(self.header.kind).as_bytes());
        if self.quoted {
            out.push(b'"');
        }
        if !labels.is_empty() {
            out.push(separator);
            push_labels(out, labels, self.escaping);
            separator = b',';
        }
        if let Some((name, bound)) = extra.pair() {
            out.push(separator);
            out.extend_from_slice(name);
            number::write_bound(out, bound);
            out.push(b'"');
            separator = b',';
        }
        out.extend_from_slice(if separator == b',' { b"} " } else { b" " });
    }

    /// Appends a whole line with the value of a series.
    pub fn value(&self, out: &mut Vec<u8>, labels: &str, value: f64) {
        self.start(out, Suffix::Value, labels, Extra::None);
        number::write(out, value);
        out.push(b'\n');
    }

    /// Appends a blank and a timestamp, given in seconds: whole milliseconds in 0.0.4, seconds in OpenMetrics.
    pub fn timestamp(&self, out: &mut Vec<u8>, seconds: f64) {
        out.push(b' ');
        match self.format {
            Format::OpenMetrics => number::write(out, seconds),
            Format::Prometheus => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a time that long ago or ahead may saturate"
                )]
                let milliseconds = (seconds * 1000.0).round() as i64;
                out.extend_from_slice(itoa::Buffer::new().format(milliseconds).as_bytes());
            }
        }
    }

    /// Appends ` # {labels} value timestamp`, or nothing if the format or the kind has no exemplars.
    pub fn exemplar(&self, out: &mut Vec<u8>, labels: &str, value: f64, timestamp: Option<f64>) {
        if !self.has_exemplars() {
            return;
        }
        out.extend_from_slice(b" # {");
        push_labels(out, labels, self.escaping);
        out.extend_from_slice(b"} ");
        number::write(out, value);
        if let Some(seconds) = timestamp {
            self.timestamp(out, seconds);
        }
    }

    /// Appends a whole `_created` line, or nothing if the format or the kind has none.
    pub fn created(&self, out: &mut Vec<u8>, labels: &str, seconds: f64) {
        if self.has_created() {
            self.start(out, Suffix::Created, labels, Extra::None);
            number::write(out, seconds);
            out.push(b'\n');
        }
    }

    /// Whether a `# UNIT` line is due: the name that a reader finds must end in the unit.
    fn has_unit(&self) -> bool {
        let allowed = self.format == Format::OpenMetrics && !matches!(self.header.kind, Kind::Info | Kind::StateSet);
        // In quotes the name is spelled with backslashes, but read without.
        let exposed = if self.quoted {
            self.without_suffix(self.header.name)
        } else {
            self.base()
        };
        allowed && ends_in_unit(exposed, self.header.unit) && !self.header.unit.contains('\n')
    }

    fn has_exemplars(&self) -> bool {
        let counter = self.header.kind == Kind::Counter && self.suffixed;
        let bucketed = matches!(self.header.kind, Kind::Histogram | Kind::GaugeHistogram);
        self.format == Format::OpenMetrics && (counter || bucketed)
    }

    pub(super) fn has_created(&self) -> bool {
        let counter = self.header.kind == Kind::Counter && self.suffixed;
        let bucketed = matches!(self.header.kind, Kind::Histogram | Kind::Summary);
        self.format == Format::OpenMetrics && (counter || bucketed)
    }

    /// Appends the keyword and the name as it is announced, with blanks between.
    fn meta(&self, out: &mut Vec<u8>, keyword: &[u8]) {
        let quote: &[u8] = if self.quoted { b"\"" } else { b"" };
        let name = if self.format == Format::OpenMetrics {
            self.base()
        } else {
            &*self.name
        };
        for part in [keyword, quote, name.as_bytes(), quote, b" "] {
            out.extend_from_slice(part);
        }
    }

    /// The name without the suffix of its kind, spelled.
    fn base(&self) -> &str {
        self.without_suffix(&self.name)
    }

    fn without_suffix<'n>(&self, name: &'n str) -> &'n str {
        let suffix = own_suffix(self.header.kind).filter(|_| self.suffixed);
        suffix.and_then(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
    }

    /// The kind as the format names it, or the closest that it knows.
    fn announced_kind(&self) -> &'static str {
        match (self.format, self.header.kind) {
            (Format::OpenMetrics, Kind::Untyped) => "unknown",
            (Format::OpenMetrics, Kind::Counter | Kind::Info) if !self.suffixed => "unknown",
            (Format::Prometheus, Kind::Info | Kind::StateSet) => Kind::Gauge.as_str(),
            (Format::Prometheus, Kind::GaugeHistogram) => Kind::Untyped.as_str(),
            (_, kind) => kind.as_str(),
        }
    }
}

impl Suffix {
    fn of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Suffix::Value, _) => "",
            (Suffix::Bucket, _) => "_bucket",
            (Suffix::Sum, Kind::GaugeHistogram) => "_gsum",
            (Suffix::Sum, _) => "_sum",
            (Suffix::Count, Kind::GaugeHistogram) => "_gcount",
            (Suffix::Count, _) => "_count",
            (Suffix::Created, _) => "_created",
        }
    }
}

impl Extra {
    fn pair(self) -> Option<(&'static [u8], f64)> {
        match self {
            Extra::None => None,
            Extra::Le(bound) => Some((b"le=\"", bound)),
            Extra::Quantile(quantile) => Some((b"quantile=\"", quantile)),
        }
    }
}

/// Appends what ends a whole exposition: `# EOF` in OpenMetrics, nothing in 0.0.4.
pub fn finish(out: &mut Vec<u8>, format: Format) {
    if format == Format::OpenMetrics {
        out.extend_from_slice(b"# EOF\n");
    }
}

/// The suffix that the one sample of a kind has in OpenMetrics, and that its announced name has not.
pub(crate) fn own_suffix(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Counter => Some("_total"),
        Kind::Info => Some("_info"),
        _ => None,
    }
}

/// Whether the name is `<something>_<unit>`.
pub(crate) fn ends_in_unit(name: &str, unit: &str) -> bool {
    !unit.is_empty()
        && name
            .strip_suffix(unit)
            .and_then(|rest| rest.strip_suffix('_'))
            .is_some()
}

fn in_quotes(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len() + 2);
    push_escaped(&mut out, name);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests;
