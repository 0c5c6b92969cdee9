//! Where requests become writes.

use axum::extract::FromRef;

use super::{
    AppState, Caller,
    error::{self, Problem},
    write_request::{WriteRequest, Written},
};
use crate::{
    auth::{Denied, Scope},
    config::{Config, Limits},
    store::Store,
    write::{Change, Idempotency, Outcome, Refusal, RequestLimits, Write},
};

/// Takes the changes of requests.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    store: Store,
    limits: RequestLimits,
}

impl FromRef<AppState> for Intake {
    fn from_ref(state: &AppState) -> Self {
        Intake {
            store: Store::from_ref(state),
            limits: request_limits(&std::sync::Arc::<Config>::from_ref(state).limits),
        }
    }
}

impl Intake {
    /// Submits the one change of a request; its refusal is the whole answer.
    pub(crate) async fn one(&self, request: &WriteRequest, change: Change<'static>) -> Result<Written, Problem> {
        may(&request.caller, &change)?;
        let submitted = self.submit(&request.caller, request.idempotency, vec![change]).await;
        submitted.map_err(|outcome| match &outcome {
            Outcome::Refused(refusals) => refusals.first().map_or_else(Problem::internal, error::refused_one),
            other => error::outcome(other),
        })
    }

    /// Submits the changes of a request, which happen all or not at all.
    pub(crate) async fn all(&self, request: &WriteRequest, changes: Vec<Change<'static>>) -> Result<Written, Problem> {
        all_may(&request.caller, &changes)?;
        let submitted = self.submit(&request.caller, request.idempotency, changes).await;
        submitted.map_err(|outcome| error::outcome(&outcome))
    }

    /// Checks what can be checked without the state, then lets the store decide.
    async fn submit(
        &self,
        caller: &Caller,
        idempotency: Option<Idempotency>,
        changes: Vec<Change<'static>>,
    ) -> Result<Written, Outcome> {
        let write = Write {
            idempotency,
            ..Write::of(caller.key.name.clone(), changes)
        };
        let refusals = write.validate(&self.limits);
        if !refusals.is_empty() {
            return Err(Outcome::Refused(refusals.into_list()));
        }
        match self.store.submit(write).await {
            Outcome::Applied(applied, _) => Ok(Written {
                applied,
                replayed: false,
            }),
            Outcome::Replayed(applied) => Ok(Written {
                applied,
                replayed: true,
            }),
            other => Err(other),
        }
    }
}

/// A key without the scope may nothing; one with a prefix is told which of the changes are outside it.
fn all_may(caller: &Caller, changes: &[Change<'_>]) -> Result<(), Problem> {
    let mut denied = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        match may(caller, change) {
            Ok(()) => {}
            Err(no @ Denied::Scope { .. }) => return Err(no.into()),
            Err(no) if denied.len() < Refusal::LIST_MAX => denied.push((index, no)),
            Err(_) => break,
        }
    }
    if denied.is_empty() {
        Ok(())
    } else {
        Err(error::denied(denied))
    }
}

fn may(caller: &Caller, change: &Change<'_>) -> Result<(), Denied> {
    match change.family() {
        Some(family) => caller.key.may(Scope::Write, family.as_str()),
        // It carries the prefix with it, and touches nothing else.
        None => caller.has(Scope::Write),
    }
}

/// How large what a client sends may be.
pub(crate) fn request_limits(limits: &Limits) -> RequestLimits {
    RequestLimits {
        labels_per_series_max: limits.labels_per_series_max,
        name_bytes_max: limits.name_bytes_max,
        value_bytes_max: limits.value_bytes_max,
        help_bytes_max: limits.help_bytes_max,
    }
}
