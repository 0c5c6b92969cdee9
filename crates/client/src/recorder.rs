//! The recorder for the `metrics` facade.

use std::{borrow::Cow, sync::Arc};

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SetRecorderError, SharedString, Unit};

use crate::{
    Counts,
    counts::{
        cell::{Cell, CounterCell, GaugeCell, HistogramCell},
        series::Series,
    },
};

/// Takes what a program counts through the [`metrics`] facade (`counter!`, `gauge!`, `histogram!`) into [`Counts`], got from
/// [`Counts::recorder`].
///
/// [`Counts::install`] makes it the recorder of the process; this type is for programs that put layers around it, or use it
/// for a part only, as [`metrics::with_local_recorder`] does.
///
/// * Names and label names become Prometheus' as with its exporter: `http.requests` counts as `http_requests`.
/// * `describe_…` becomes help and unit, if said before the metric is first sent.
/// * A gauge's `increment` and `decrement` are added on the hub to those of other processes; `set` replaces the value.
/// * `absolute` of a counter counts what is above the highest value of this process so far.
/// * Histograms have the [builder's](crate::counts::CountsBuilder::buckets) buckets. There are no summaries.
///
/// The macros look a series up each time, which takes a read lock and a hash. Where it matters, keep what they return.
#[derive(Debug, Clone)]
pub struct Recorder {
    counts: Counts,
}

impl Counts {
    /// A recorder for the `metrics` facade; all count here.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder { counts: self.clone() }
    }

    /// Makes this the recorder of the process: from here on, what it counts by the macros of the `metrics` facade goes to the
    /// hub.
    ///
    /// The recorder stays until the process ends, and so do the counts: [`close`](Counts::close) them at the end.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// use nexus_client::{Client, Counts};
    ///
    /// let counts = Counts::builder(Client::builder("https://127.0.0.1:3000").key("Hello World").ca_file("state/tls/ca.pem")).start()?;
    /// counts.install()?;
    ///
    /// metrics::counter!("http_requests_total", "method" => "GET").increment(1);
    ///
    /// counts.close_blocking(Duration::from_secs(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The process has a recorder already.
    pub fn install(&self) -> Result<(), SetRecorderError<Recorder>> {
        metrics::set_global_recorder(self.recorder())
    }
}

impl Recorder {
    fn series<C: Cell>(&self, key: &Key) -> Arc<Series<C>> {
        let name = legal(key.name(), is_in_name);
        if key
            .labels()
            .all(|label| matches!(legal(label.key(), is_in_label), Cow::Borrowed(_)))
        {
            let labels = key.labels().map(|label| (label.key(), label.value()));
            return self.counts.series(&name, labels);
        }
        let labels: Vec<_> = key
            .labels()
            .map(|label| (legal(label.key(), is_in_label), label.value()))
            .collect();
        self.counts
            .series(&name, labels.iter().map(|(name, value)| (&**name, *value)))
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, help: SharedString) {
        // A number of things has no unit.
        let unit = unit
            .filter(|unit| *unit != Unit::Count)
            .map_or("", |unit| unit.as_str());
        let name = legal(name.as_str(), is_in_name);
        self.counts.describe_with_unit(&name, help.into_owned(), unit);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(self.series::<CounterCell>(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(self.series::<GaugeCell>(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(self.series::<HistogramCell>(key))
    }
}

impl CounterFn for Series<CounterCell> {
    fn increment(&self, value: u64) {
        self.cell.increment_total_by(value);
    }

    fn absolute(&self, value: u64) {
        self.cell.raise_to(value);
    }
}

impl GaugeFn for Series<GaugeCell> {
    fn increment(&self, value: f64) {
        self.cell.add(value);
    }

    fn decrement(&self, value: f64) {
        self.cell.add(-value);
    }

    fn set(&self, value: f64) {
        self.cell.set(value);
    }
}

impl HistogramFn for Series<HistogramCell> {
    fn record(&self, value: f64) {
        self.cell.observe(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.cell.observe(value, count as u64);
    }
}

fn is_in_name(character: char, is_first: bool) -> bool {
    character == ':' || is_in_label(character, is_first)
}

fn is_in_label(character: char, is_first: bool) -> bool {
    character == '_' || character.is_ascii_alphabetic() || !is_first && character.is_ascii_digit()
}

/// The text with `_` for what cannot stand there.
fn legal(text: &str, is_legal: fn(char, bool) -> bool) -> Cow<'_, str> {
    let mut all = text.chars().zip(std::iter::once(true).chain(std::iter::repeat(false)));
    if all.clone().all(|(character, is_first)| is_legal(character, is_first)) {
        return Cow::Borrowed(text);
    }
    let or_blank = |(character, is_first)| if is_legal(character, is_first) { character } else { '_' };
    all.by_ref().map(or_blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_prometheus() {
        let check = |text: &str, name: &str, label: &str| {
            assert_eq!((&*legal(text, is_in_name), &*legal(text, is_in_label)), (name, label));
        };
        check("http_requests_total", "http_requests_total", "http_requests_total");
        check("http.requests-1", "http_requests_1", "http_requests_1");
        check("a:b", "a:b", "a_b");
        check("1st", "_st", "_st");
        check("größe", "gr__e", "gr__e");
        check("", "", "");
    }
}
