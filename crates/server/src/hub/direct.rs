//! Calls of the program that the hub is part of.

use std::sync::Arc;

use nexus_metric::{Labels, Name, plain_spelling};

use super::Hub;
use crate::{
    auth::Principal,
    intake::{LogDimensions, Message, Rejected, Submission},
    store::view::Value,
    usage_log::OWN_SERVICE,
    write::{Change, Definition, Op, Target, Unavailable},
};

/// Why a call of the hub did nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The state does not allow it, for example because there is no such metric; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The journal failed under the call: it may or may not survive a crash.
    #[error("the journal failed under this write: it may or may not have happened")]
    Unknown,
    /// The queue is full or the journal cannot be written: try again later.
    #[error("the hub takes no writes at the moment")]
    Unavailable,
    /// The hub is closed.
    #[error("the hub is closed")]
    Stopping,
    /// The last snapshot cannot be written.
    #[error("{0}")]
    Snapshot(String),
}

/// Direct calls, without HTTP: what the original's server offers its program. They act on series without labels.
impl Hub {
    /// Makes a gauge with value 0 if there is no metric of that name; says whether it did.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn create(&self, key: &str, description: &str) -> Result<bool, CallError> {
        let target = self.define(key, description)?;
        Ok(self.submit(vec![Change::Series(target, Op::Ensure)]).await? > 0)
    }

    /// Gives a metric a value.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn update(&self, key: &str, value: impl Into<f64>) -> Result<(), CallError> {
        let (target, value) = (self.target(key)?, value.into());
        self.submit(vec![Change::Series(target, Op::Set(value))])
            .await
            .map(drop)
    }

    /// Makes a gauge if there is no metric of that name, and gives it a value, in one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn create_update(&self, key: &str, description: &str, value: impl Into<f64>) -> Result<(), CallError> {
        let (target, value) = (self.define(key, description)?, value.into());
        self.submit(vec![
            Change::Series(target.clone(), Op::Ensure),
            Change::Series(target, Op::Set(value)),
        ])
        .await
        .map(drop)
    }

    /// The value of a metric.
    ///
    /// # Errors
    /// There is no such metric, or it is a histogram.
    pub fn read(&self, key: &str) -> Result<f64, CallError> {
        let view = self.shared.parts.store.view();
        let name = view.meant(key);
        match view.value(name.as_ref().map_or(key, Name::as_str), "") {
            Ok(Value::Number(value, _)) => Ok(value),
            Ok(Value::Histogram(_)) => Err(CallError::Refused(format!("{key} is a histogram, not one number"))),
            Err(_) => Err(CallError::Refused(format!("there is no metric {key}"))),
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn increment(&self, key: &str) -> Result<(), CallError> {
        self.add(key, 1.0).await
    }

    /// Takes one away.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn decrement(&self, key: &str) -> Result<(), CallError> {
        self.add(key, -1.0).await
    }

    /// Adds to a metric.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn add(&self, key: &str, value: impl Into<f64>) -> Result<(), CallError> {
        let (target, delta) = (self.target(key)?, value.into());
        self.submit(vec![Change::Series(target, Op::Add(delta))])
            .await
            .map(drop)
    }

    /// Takes away from a metric.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sub(&self, key: &str, value: impl Into<f64>) -> Result<(), CallError> {
        self.add(key, -value.into()).await
    }

    /// Removes a metric with all its series.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete(&self, key: &str) -> Result<(), CallError> {
        let family = self.target(key)?.family;
        self.submit(vec![Change::Delete { family, labels: None }])
            .await
            .map(drop)
    }

    /// The metric that is meant, or the name that one would have that was made by its path.
    fn target(&self, key: &str) -> Result<Target<'static>, CallError> {
        let meant = self.shared.parts.store.view().meant(key);
        let family = meant.map_or_else(|| Name::legacy(&plain_spelling(key)), Ok);
        let family = family.map_err(|error| CallError::Refused(error.to_string()))?;
        Ok(Target::new(family, Labels::none()))
    }

    fn define(&self, key: &str, description: &str) -> Result<Target<'static>, CallError> {
        let define = Definition {
            help: description.into(),
            ..Definition::default()
        };
        Ok(self.target(key)?.defining(Some(Arc::new(define))))
    }

    /// How many series came into being.
    async fn submit(&self, changes: Vec<Change<'static>>) -> Result<u64, CallError> {
        let message = Message {
            bytes: 0,
            dimensions: LogDimensions {
                service: OWN_SERVICE.into(),
                route: "library".into(),
                ..LogDimensions::default()
            },
            submission: Submission {
                changes,
                ..Submission::default()
            },
        };
        let written = self.shared.parts.intake.take(&Principal::hub(), message).await?;
        Ok(written.applied.created)
    }
}

impl From<Rejected> for CallError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Changes(refusals) => {
                let first = refusals.first().map(|refusal| refusal.reason.to_string());
                CallError::Refused(first.unwrap_or_default())
            }
            Rejected::Unavailable(Unavailable::Stopping) => CallError::Stopping,
            Rejected::Unavailable(_) | Rejected::UsageLog(_) | Rejected::NoUsageLog => CallError::Unavailable,
            Rejected::Unknown | Rejected::KeyReused => CallError::Unknown,
            Rejected::Account(refused) => CallError::Refused(refused.to_string()),
            Rejected::Denied(denied) => CallError::Refused(denied.to_string()),
            Rejected::Events(others) => {
                let first = others
                    .first()
                    .map(|others| format!("it is on the account of {}", others.whom));
                CallError::Refused(first.unwrap_or_default())
            }
        }
    }
}
