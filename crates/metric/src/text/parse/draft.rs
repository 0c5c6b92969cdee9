//! A family while its lines are read.

use std::collections::{HashMap, hash_map::Entry};

use super::{ParseError, Reason, sample::Sample, series::Series};
use crate::{
    Kind, Labels, Name,
    text::{Format, MetricFamily, Suffix, number},
};

/// A family while its lines are read.
#[derive(Debug)]
pub(super) struct Draft {
    /// The name as the headers have it.
    pub(super) name: Name,
    /// Where it begins.
    pub(super) line: usize,
    kind: Option<Kind>,
    help: Option<String>,
    unit: Option<String>,
    series: Vec<Series>,
    by_labels: HashMap<Labels, usize>,
}

impl Draft {
    pub(super) fn new(name: &str, line: usize) -> Result<Self, Reason> {
        let name = Name::new(name).map_err(|_| Reason::syntax("a name", name))?;
        let (series, by_labels) = (Vec::new(), HashMap::new());
        Ok(Draft {
            name,
            line,
            kind: None,
            help: None,
            unit: None,
            series,
            by_labels,
        })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Untyped)
    }

    pub(super) fn set_kind(&mut self, kind: Kind) -> Result<(), Reason> {
        let late = !self.series.is_empty();
        self.once("TYPE", late || self.kind.is_some())?;
        self.kind = Some(kind);
        Ok(())
    }

    /// 0.0.4 allows the help to come late.
    pub(super) fn set_help(&mut self, help: String, format: Format) -> Result<(), Reason> {
        let late = format == Format::OpenMetrics && !self.series.is_empty();
        self.once("HELP", late || self.help.is_some())?;
        self.help = Some(help);
        Ok(())
    }

    pub(super) fn set_unit(&mut self, unit: &str) -> Result<(), Reason> {
        let late = !self.series.is_empty();
        self.once("UNIT", late || self.unit.is_some())?;
        self.unit = Some(unit.to_owned());
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        line: usize,
        suffix: Suffix,
        mut sample: Sample<'_>,
        format: Format,
    ) -> Result<(), Reason> {
        let kind = self.kind();
        let bound = take_bound(kind, suffix, &mut sample)?;
        let labels = Labels::from_pairs(std::mem::take(&mut sample.pairs))?;
        let end = self.series.len();
        let at = match self.by_labels.entry(labels) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                self.series
                    .push(Series::new(kind, line, entry.key().clone(), sample.timestamp));
                *entry.insert(end)
            }
        };
        if format == Format::OpenMetrics && at + 1 < self.series.len() {
            return Err(Reason::Interleaved(self.name.to_string()));
        }
        match self.series.get_mut(at) {
            Some(series) => series.add(kind, suffix, bound, sample),
            None => Ok(()),
        }
    }

    /// The family, checked; `name` is the one that its samples have.
    pub(super) fn finish(self, name: &str, format: Format) -> Result<MetricFamily, ParseError> {
        let kind = self.kind();
        let name = Name::new(name).map_err(|_| Reason::syntax("a name", name).at(self.line))?;
        let mut metrics = Vec::with_capacity(self.series.len());
        for series in self.series {
            let line = series.line;
            metrics.push(
                series
                    .finish(name.as_str(), kind, format)
                    .map_err(|reason| reason.at(line))?,
            );
        }
        let (help, unit) = (
            self.help.unwrap_or_default().into(),
            self.unit.unwrap_or_default().into(),
        );
        Ok(MetricFamily {
            name,
            kind,
            help,
            unit,
            metrics,
        })
    }

    pub(super) fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or_default()
    }

    fn once(&self, keyword: &'static str, refused: bool) -> Result<(), Reason> {
        if refused {
            Err(Reason::Misplaced {
                keyword,
                name: self.name.to_string(),
            })
        } else {
            Ok(())
        }
    }
}

/// Takes `le` or `quantile` out of a sample's labels, where the kind makes it a bound.
fn take_bound(kind: Kind, suffix: Suffix, sample: &mut Sample<'_>) -> Result<f64, Reason> {
    let (label, due) = match kind {
        Kind::Histogram | Kind::GaugeHistogram => ("le", suffix == Suffix::Bucket),
        Kind::Summary => ("quantile", suffix == Suffix::Value),
        _ => return Ok(0.0),
    };
    let at = sample.pairs.iter().position(|(name, _)| name == label);
    match at.map(|at| sample.pairs.remove(at)) {
        None if due => Err(Reason::invalid(
            &sample.name,
            "a bucket has a label le, a quantile a label quantile",
        )),
        None => Ok(0.0),
        Some(_) if !due => Err(Reason::invalid(
            &sample.name,
            "only buckets have a label le, only quantiles a label quantile",
        )),
        Some(_) if sample.pairs.iter().any(|(name, _)| name == label) => {
            Err(crate::LabelError::Duplicate(label.to_owned()).into())
        }
        Some((_, value)) => {
            let bound = number::parse(&value).filter(|bound| !bound.is_nan());
            // -0 and 0 are one bound.
            bound
                .map(|bound| bound + 0.0)
                .ok_or_else(|| Reason::syntax("a number", &value))
        }
    }
}
