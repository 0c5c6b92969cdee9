//! One metric of a hub, for programs without an asynchronous runtime.

use super::runtime::Runtime;
use crate::{Error, Kind, Number};

/// As [`crate::Metric`].
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before a verb is called"]
pub struct Metric {
    runtime: Runtime,
    metric: crate::Metric,
}

impl Metric {
    pub(super) fn new(runtime: Runtime, metric: crate::Metric) -> Self {
        Metric { runtime, metric }
    }

    fn map(self, change: impl FnOnce(crate::Metric) -> crate::Metric) -> Self {
        Metric {
            runtime: self.runtime,
            metric: change(self.metric),
        }
    }

    /// As [`crate::Metric::label`].
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.map(|metric| metric.label(name, value))
    }

    /// As [`crate::Metric::kind`].
    pub fn kind(self, kind: Kind) -> Self {
        self.map(|metric| metric.kind(kind))
    }

    /// As [`crate::Metric::help`].
    pub fn help(self, help: impl Into<String>) -> Self {
        self.map(|metric| metric.help(help))
    }

    /// As [`crate::Metric::unit`].
    pub fn unit(self, unit: impl Into<String>) -> Self {
        self.map(|metric| metric.unit(unit))
    }

    /// As [`crate::Metric::buckets`].
    pub fn buckets<B: Number>(self, bounds: impl IntoIterator<Item = B>) -> Self {
        self.map(|metric| metric.buckets(bounds))
    }

    /// As [`crate::Metric::create`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn create(&self) -> Result<bool, Error> {
        let metric = self.metric.clone();
        self.runtime.run(async move { metric.create().await })
    }

    /// As [`crate::Metric::update`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn update(&self, value: impl Number) -> Result<(), Error> {
        let (metric, value) = (self.metric.clone(), value.to_f64());
        self.runtime.run(async move { metric.update(value).await })
    }

    /// As [`crate::Metric::read`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(&self) -> Result<f64, Error> {
        let metric = self.metric.clone();
        self.runtime.run(async move { metric.read().await })
    }

    /// As [`crate::Metric::increment`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn increment(&self) -> Result<(), Error> {
        let metric = self.metric.clone();
        self.runtime.run(async move { metric.increment().await })
    }

    /// As [`crate::Metric::decrement`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn decrement(&self) -> Result<(), Error> {
        let metric = self.metric.clone();
        self.runtime.run(async move { metric.decrement().await })
    }

    /// As [`crate::Metric::add`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add(&self, value: impl Number) -> Result<(), Error> {
        let (metric, value) = (self.metric.clone(), value.to_f64());
        self.runtime.run(async move { metric.add(value).await })
    }

    /// As [`crate::Metric::subtract`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn subtract(&self, value: impl Number) -> Result<(), Error> {
        let (metric, value) = (self.metric.clone(), value.to_f64());
        self.runtime.run(async move { metric.subtract(value).await })
    }

    /// As [`crate::Metric::observe`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn observe(&self, value: impl Number) -> Result<(), Error> {
        let (metric, value) = (self.metric.clone(), value.to_f64());
        self.runtime.run(async move { metric.observe(value).await })
    }

    /// As [`crate::Metric::delete`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn delete(&self) -> Result<(), Error> {
        let metric = self.metric.clone();
        self.runtime.run(async move { metric.delete().await })
    }
}
