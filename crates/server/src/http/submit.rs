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
    pub(crate) async fn one(&self, request: &WriteRequest, change: Change) -> Result<Written, Problem> {
        may(&request.caller, &change)?;
        let submitted = self.submit(&request.caller, request.idempotency, vec![change]).await;
        submitted.map_err(|outcome| match &outcome {
            Outcome::Refused(refusals) => refusals.first().map_or_else(Problem::internal, error::refused_one),
            other => error::outcome(other),
        })
    }

    /// Submits the changes of a request, which happen all or not at all.
    pub(crate) async fn all(&self, request: &WriteRequest, changes: Vec<Change>) -> Result<Written, Problem> {
        all_may(&request.caller, &changes)?;
        let submitted = self.submit(&request.caller, request.idempotency, changes).await;
        submitted.map_err(|outcome| error::outcome(&outcome))
    }

    /// Checks what can be checked without the state, then lets the store decide.
    async fn submit(
        &self,
        caller: &Caller,
        idempotency: Option<Idempotency>,
        changes: Vec<Change>,
    ) -> Result<Written, Outcome> {
        let owner = caller.key.name.clone();
        let write = Write {
            owner,
            idempotency,
            changes,
        };
        let refusals = write.validate(&self.limits);
        if !refusals.is_empty() {
            return Err(Outcome::Refused(refusals));
        }
        match self.store.submit(write).await {
            Outcome::Applied(applied) => Ok(Written {
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
fn all_may(caller: &Caller, changes: &[Change]) -> Result<(), Problem> {
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

fn may(caller: &Caller, change: &Change) -> Result<(), Denied> {
    match change {
        Change::Delete { family, .. } => caller.key.may(Scope::Write, family.as_str()),
        // It carries the prefix with it, and touches nothing else.
        Change::DeleteMatching { .. } => caller.has(Scope::Write),
        other => other
            .target()
            .map_or(Ok(()), |target| caller.key.may(Scope::Write, target.family.as_str())),
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
