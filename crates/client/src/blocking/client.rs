//! The client for programs without an asynchronous runtime.

use super::{Families, List, Metric, runtime::Runtime};
use crate::{Batch, Builder, EncodedBatch, Error, IdempotencyKey, Number, Written};

/// As [`crate::Client`]: a handle on a hub, cheap to clone. Made by [`Builder::build_blocking`].
#[derive(Debug, Clone)]
pub struct Client {
    runtime: Runtime,
    client: crate::Client,
}

impl Builder {
    /// Makes a client for programs without async. Other than [`Builder::build`], it starts a thread.
    ///
    /// # Errors
    /// As [`Builder::build`]; or the thread cannot be started.
    pub fn build_blocking(self) -> Result<Client, Error> {
        let client = self.build()?;
        let runtime = Runtime::start()?;
        Ok(Client { runtime, client })
    }
}

impl Client {
    /// As [`crate::Client::from_env`].
    ///
    /// # Errors
    /// As [`Builder::build_blocking`].
    pub fn from_env() -> Result<Client, Error> {
        Builder::from_env().build_blocking()
    }

    /// As [`crate::Client::metric`].
    pub fn metric(&self, name: impl Into<String>) -> Metric {
        Metric::new(self.runtime.clone(), self.client.metric(name))
    }

    /// As [`crate::Client::create`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn create(&self, name: &str, help: &str) -> Result<bool, Error> {
        self.metric(name).help(help).create()
    }

    /// As [`crate::Client::update`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn update(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).update(value)
    }

    /// As [`crate::Client::create_update`].
    ///
    /// # Errors
    /// See [`Error`]; the metric may have been created nevertheless.
    pub fn create_update(&self, name: &str, help: &str, value: impl Number) -> Result<(), Error> {
        let metric = self.metric(name).help(help);
        metric.create()?;
        metric.update(value)
    }

    /// As [`crate::Client::read`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(&self, name: &str) -> Result<f64, Error> {
        self.metric(name).read()
    }

    /// As [`crate::Client::increment`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn increment(&self, name: &str) -> Result<(), Error> {
        self.metric(name).increment()
    }

    /// As [`crate::Client::decrement`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn decrement(&self, name: &str) -> Result<(), Error> {
        self.metric(name).decrement()
    }

    /// As [`crate::Client::add`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).add(value)
    }

    /// As [`crate::Client::subtract`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn subtract(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).subtract(value)
    }

    /// As [`crate::Client::observe`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn observe(&self, name: &str, value: impl Number) -> Result<(), Error> {
        self.metric(name).observe(value)
    }

    /// As [`crate::Client::delete`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        self.metric(name).delete()
    }

    /// As [`crate::Client::write`].
    ///
    /// # Errors
    /// See [`crate::Client::write`].
    pub fn write(&self, batch: &Batch) -> Result<Written, Error> {
        self.write_with(batch, &IdempotencyKey::random()?)
    }

    /// As [`crate::Client::write_with`].
    ///
    /// # Errors
    /// See [`crate::Client::write_with`].
    pub fn write_with(&self, batch: &Batch, key: &IdempotencyKey) -> Result<Written, Error> {
        self.client.check_size(batch.len(), batch.encoded_len())?;
        self.write_encoded(&batch.to_encoded(), key)
    }

    /// As [`crate::Client::write_encoded`].
    ///
    /// # Errors
    /// See [`crate::Client::write_encoded`].
    pub fn write_encoded(&self, batch: &EncodedBatch, key: &IdempotencyKey) -> Result<Written, Error> {
        let (client, batch, key) = (self.client.clone(), batch.clone(), key.clone());
        self.runtime
            .run(async move { client.write_encoded(&batch, &key).await })
    }

    /// As [`crate::Client::list`].
    pub fn list(&self) -> List {
        List::new(self.runtime.clone(), self.client.list())
    }

    /// As [`crate::Client::families`].
    pub fn families(&self) -> Families {
        Families::new(self.runtime.clone(), self.client.families())
    }
}
