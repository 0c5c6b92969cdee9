//! A sample line.

use std::borrow::Cow;

use super::{Reason, cursor::Cursor};
use crate::{
    Labels,
    text::{Exemplar, Format, number},
};

/// Names and values of labels as they stand in a line.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What one sample's line says.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) pairs: Pairs<'a>,
    pub(super) value: &'a str,
    pub(super) timestamp: Option<f64>,
    pub(super) exemplar: Option<Exemplar>,
}

impl<'a> Sample<'a> {
    pub(super) fn read(mut line: Cursor<'a>) -> Result<Self, Reason> {
        let mut name = if line.rest.starts_with('{') {
            None
        } else {
            Some(bare_name(&mut line)?)
        };
        let before = line.rest.len();
        line.blanks();
        let braces = line.rest.starts_with('{');
        let pairs = if braces {
            pairs(&mut line, &mut name)?
        } else {
            Vec::new()
        };
        // Blanks before a value have been passed in 0.0.4, where a brace may also touch it.
        match line.format {
            Format::OpenMetrics => line.gap()?,
            Format::Prometheus if !braces && line.rest.len() == before => line.gap()?,
            Format::Prometheus => line.blanks(),
        }
        let name = name.ok_or_else(|| Reason::syntax("a metric name", line.rest))?;
        let value = line.token();
        let timestamp = timestamp(&mut line)?;
        let exemplar = exemplar(&mut line)?;
        if !line.rest.is_empty() {
            return Err(Reason::syntax("the end of the line", line.rest));
        }
        Ok(Sample {
            name,
            pairs,
            value,
            timestamp,
            exemplar,
        })
    }

    /// The value as a number.
    pub(super) fn number(&self) -> Result<f64, Reason> {
        number::parse(self.value).ok_or_else(|| Reason::syntax("a number", self.value))
    }

    /// The value as a count.
    pub(super) fn count(&self) -> Result<u64, Reason> {
        number::parse_count(self.value).ok_or_else(|| Reason::syntax("a whole number that is not negative", self.value))
    }
}

fn bare_name<'a>(line: &mut Cursor<'a>) -> Result<Cow<'a, str>, Reason> {
    if line.rest.starts_with('"') {
        return Err(Reason::syntax("a name, or one in quotes within braces", line.rest));
    }
    line.name()
}

/// The pairs between braces, and the metric's name if it stands there.
fn pairs<'a>(line: &mut Cursor<'a>, name: &mut Option<Cow<'a, str>>) -> Result<Pairs<'a>, Reason> {
    let mut pairs = Vec::new();
    line.eat('{');
    line.blanks();
    if line.eat('}') {
        return Ok(pairs);
    }
    loop {
        let start = *line;
        let token = line.name()?;
        line.blanks();
        if line.eat('=') {
            line.blanks();
            if !start.rest.starts_with('"') && token.contains(':') {
                return Err(Reason::syntax("a label name", &token));
            }
            pairs.push((token, line.quoted()?));
            line.blanks();
        } else if name.is_none() && start.rest.starts_with('"') && !token.is_empty() {
            *name = Some(token);
        } else {
            return Err(Reason::syntax("= after a label name", line.rest));
        }
        let comma = line.eat(',');
        line.blanks();
        // 0.0.4 allows a comma after the last pair.
        let may_close = !comma || line.format == Format::Prometheus;
        if may_close && line.eat('}') {
            return Ok(pairs);
        }
        if !comma {
            return Err(Reason::syntax("a comma or a closing brace", line.rest));
        }
    }
}

fn timestamp(line: &mut Cursor<'_>) -> Result<Option<f64>, Reason> {
    /// Below this, milliseconds divided into seconds and multiplied again are the same.
    const MILLISECONDS_MAX: u64 = 1 << 50;
    if line.rest.is_empty() || (line.format == Format::OpenMetrics && line.rest.starts_with(" # ")) {
        return Ok(None);
    }
    line.gap()?;
    if line.format == Format::Prometheus && line.rest.is_empty() {
        return Ok(None);
    }
    let token = line.token();
    line.blanks();
    let seconds = match line.format {
        Format::OpenMetrics => number::parse(token).filter(|seconds| seconds.is_finite()),
        Format::Prometheus => {
            let milliseconds = token
                .parse()
                .ok()
                .filter(|ms: &i64| ms.unsigned_abs() <= MILLISECONDS_MAX);
            milliseconds.map(|ms| ms as f64 / 1000.0)
        }
    };
    seconds.map(Some).ok_or_else(|| Reason::syntax("a timestamp", token))
}

fn exemplar(line: &mut Cursor<'_>) -> Result<Option<Exemplar>, Reason> {
    let Some(rest) = line
        .rest
        .strip_prefix(" # ")
        .filter(|_| line.format == Format::OpenMetrics)
    else {
        return Ok(None);
    };
    line.rest = rest;
    if !line.rest.starts_with('{') {
        return Err(Reason::syntax("the labels of an exemplar", line.rest));
    }
    // A name is not due here, so one is taken to be there already.
    let pairs = pairs(line, &mut Some(Cow::Borrowed("")))?;
    let chars: usize = pairs
        .iter()
        .map(|(name, value)| name.chars().count() + value.chars().count())
        .sum();
    let labels = Labels::from_pairs(pairs)?;
    if chars > Exemplar::CHARS_MAX {
        return Err(Reason::invalid(
            &labels,
            "the labels of an exemplar have more than 128 characters",
        ));
    }
    line.gap()?;
    let token = line.token();
    let value = number::parse(token).ok_or_else(|| Reason::syntax("a number", token))?;
    Ok(Some(Exemplar {
        labels,
        value,
        timestamp: timestamp(line)?,
    }))
}
