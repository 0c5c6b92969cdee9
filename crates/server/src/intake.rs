//! The way in, whatever the protocol: find the names that are meant, authorize, validate, admit, submit, account, record.
//!
//! Who serves a request with bodies [admits](Intake::admit) it before its body is read, counts with the [`RequestUsage`] what
//! flows, [submits](Intake::submit) what it made of the body, and finishes the usage when it knows what the request took. A source
//! without bodies to meter, such as a datagram or a call of the library, goes [the whole way at once](Intake::take).
//!
//! *Invariant:* it knows no HTTP, so whatever comes in is limited, charged and logged alike.

mod authorize;
mod events;
mod message;
mod names;
mod rejected;
mod request_usage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use nexus_usage::Amount;

pub(crate) use message::Message;
pub(crate) use rejected::{OthersUsage, Rejected};
pub(crate) use request_usage::RequestUsage;

use crate::{
    accounts::{Account, Accounts, Refused},
    auth::Principal,
    store::Store,
    usage_log::UsageLogHandle,
    write::{Applied, Change, Idempotency, Mode, Origin, Outcome, Refusal, Refusals, RequestLimits, Write},
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
    /// Which limits hold it up; it is counted all the same.
    pub(crate) exemption: Exemption,
    /// What the usage log says of it.
    pub(crate) dimensions: LogDimensions,
}

/// Which limits do not hold a request up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Exemption {
    /// All hold it up.
    #[default]
    None,
    /// Those of the month: it makes room, or tells how much is left.
    Monthly,
    /// None does: an operator undoes by it what is too tight.
    All,
}

/// What the usage log says of a request, beside who sent it and what it took.
#[derive(Debug, Default)]
pub(crate) struct LogDimensions {
    pub(crate) service: Arc<str>,
    pub(crate) route: Arc<str>,
    pub(crate) client: Arc<str>,
    pub(crate) method: Arc<str>,
}

/// What a request makes of the state: its changes, and how they are to be taken.
#[derive(Debug, Default)]
pub(crate) struct Submission {
    /// Which sort of client they come from.
    pub(crate) origin: Origin,
    /// What becomes of the good changes if some are refused.
    pub(crate) mode: Mode,
    /// What makes a repeat harmless, if the client says that.
    pub(crate) idempotency: Option<Idempotency>,
    /// In order.
    pub(crate) changes: Vec<Change<'static>>,
}

/// A write that happened, now or at an earlier try.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) applied: Applied,
    pub(crate) replayed: bool,
    /// Changes that were refused, the first of them, where the others may happen all the same.
    pub(crate) refused: Vec<Refusal>,
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
        let reservation = match announced.exemption {
            Exemption::None => account.admit(announced.amount).await?,
            Exemption::Monthly => account.admit_exempt()?,
            Exemption::All => account.exempt(),
        };
        let log = self.usage_log.clone();
        let dimensions = announced.dimensions;
        Ok(RequestUsage::begin(principal, account, reservation, log, dimensions))
    }

    /// Submits what a request that was admitted asks for, if its principal may, and it is within the limits.
    pub(crate) async fn submit(&self, admitted: &RequestUsage, submission: Submission) -> Result<Written, Rejected> {
        self.decide(self.check(admitted.principal(), submission)?).await
    }

    /// What of a submission may reach the store.
    fn check(&self, principal: &Principal, submission: Submission) -> Result<Write<'static>, Rejected> {
        let Submission {
            origin,
            mode,
            idempotency,
            mut changes,
        } = submission;
        names::resolve(self.store.view(), &mut changes);
        let mut write = Write {
            origin,
            mode,
            idempotency,
            ..Write::of(Arc::clone(&principal.name), changes)
        };
        let denied = authorize::write(principal, &write)?;
        take_out(&mut write, denied)?;
        let invalid = write.validate(&self.limits);
        take_out(&mut write, invalid)?;
        Ok(write)
    }

    async fn decide(&self, write: Write<'static>) -> Result<Written, Rejected> {
        match self.store.submit(write).await {
            Outcome::Applied(applied, refused) => Ok(Written {
                applied,
                replayed: false,
                refused,
            }),
            Outcome::Replayed(applied) => Ok(Written {
                applied,
                replayed: true,
                refused: Vec::new(),
            }),
            Outcome::Refused(refusals) => Err(Rejected::Changes(refusals)),
            Outcome::KeyReused => Err(Rejected::KeyReused),
            Outcome::Unknown => Err(Rejected::Unknown),
            Outcome::Unavailable(why) => Err(Rejected::Unavailable(why)),
        }
    }
}

/// Leaves what is refused out of a write that may happen in part; any other is rejected for it.
fn take_out(write: &mut Write<'_>, refusals: Refusals) -> Result<(), Rejected> {
    match write.mode {
        _ if refusals.is_empty() => Ok(()),
        Mode::All => Err(Rejected::Changes(refusals.into_list())),
        Mode::Each => {
            write.refuse(refusals);
            Ok(())
        }
    }
}
