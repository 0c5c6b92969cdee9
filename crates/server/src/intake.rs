//! The way in, whatever the protocol: authorize, validate, admit, submit, account, record.
//!
//! Who serves a request with bodies [admits](Intake::admit) it before its body is read, counts with the [`RequestUsage`] what
//! flows, [submits](Intake::submit) what it made of the body, and finishes the usage when it knows what the request took. A source
//! without bodies to meter, such as a datagram or a call of the library, goes [the whole way at once](Intake::take).
//!
//! *Invariant:* it knows no HTTP, so whatever comes in is limited, charged and logged alike.

mod authorize;
mod events;
mod message;
mod rejected;
mod request_usage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use nexus_usage::Amount;

pub(crate) use message::Message;
pub(crate) use rejected::Rejected;
pub(crate) use request_usage::RequestUsage;

use crate::{
    accounts::{Account, Accounts, Refused},
    auth::Principal,
    store::Store,
    usage_log::UsageLogHandle,
    write::{Applied, Change, Idempotency, Outcome, RequestLimits, Write},
};

/// What takes requests in. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) usage_log: UsageLogHandle,
    /// How large what is sent may be.
    pub(crate) limits: RequestLimits,
}

/// What is known of a request before it is admitted.
#[derive(Debug)]
pub(crate) struct Announced {
    /// What it will use, as far as that is known.
    pub(crate) amount: Amount,
    /// No limit holds it up; it is counted all the same.
    pub(crate) is_exempt: bool,
    /// What the usage log says of it.
    pub(crate) dimensions: LogDimensions,
}

/// What the usage log says of a request, beside who sent it and what it took.
#[derive(Debug, Default)]
pub(crate) struct LogDimensions {
    pub(crate) service: Arc<str>,
    pub(crate) route: Arc<str>,
    pub(crate) client: Arc<str>,
    pub(crate) method: Arc<str>,
}

/// A write that happened, now or at an earlier try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) applied: Applied,
    pub(crate) replayed: bool,
}

impl Intake {
    /// The account of whoever asks.
    pub(crate) fn account(&self, principal: &Principal) -> Arc<Account> {
        self.accounts.of(&principal.name)
    }

    /// Whether a request may go on: by how many there were just now, and by what is left of the month. From here on it is charged
    /// and logged, whatever becomes of it; who is refused here is neither.
    pub(crate) async fn admit(
        &self,
        principal: Principal,
        account: Arc<Account>,
        announced: Announced,
    ) -> Result<RequestUsage, Refused> {
        let reservation = match announced.is_exempt {
            true => account.exempt(),
            false => account.admit(announced.amount).await?,
        };
        let log = self.usage_log.clone();
        Ok(RequestUsage::begin(
            principal,
            account,
            reservation,
            log,
            announced.dimensions,
        ))
    }

    /// Submits the changes of a request that was admitted, if its principal may make them and they are within the limits.
    pub(crate) async fn submit(
        &self,
        admitted: &RequestUsage,
        idempotency: Option<Idempotency>,
        changes: Vec<Change>,
    ) -> Result<Written, Rejected> {
        self.decide(self.check(admitted.principal(), idempotency, changes)?)
            .await
    }

    /// A write that may be submitted.
    fn check(
        &self,
        principal: &Principal,
        idempotency: Option<Idempotency>,
        changes: Vec<Change>,
    ) -> Result<Write, Rejected> {
        authorize::all(principal, &changes)?;
        let write = Write {
            owner: Arc::clone(&principal.name),
            idempotency,
            changes,
        };
        match write.validate(&self.limits) {
            refusals if refusals.is_empty() => Ok(write),
            refusals => Err(Rejected::Changes(refusals)),
        }
    }

    async fn decide(&self, write: Write) -> Result<Written, Rejected> {
        let (applied, replayed) = match self.store.submit(write).await {
            Outcome::Applied(applied) => (applied, false),
            Outcome::Replayed(applied) => (applied, true),
            Outcome::Refused(refusals) => return Err(Rejected::Changes(refusals)),
            Outcome::KeyReused => return Err(Rejected::KeyReused),
            Outcome::Unknown => return Err(Rejected::Unknown),
            Outcome::Unavailable(why) => return Err(Rejected::Unavailable(why)),
        };
        Ok(Written { applied, replayed })
    }
}
