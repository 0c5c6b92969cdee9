//! Asking the shared ledger for admission: one question per subject and period at a time; who waits for the answer takes it too.

use tokio::time::{Instant, timeout};

use crate::{
    Amount, Answer, Cell, Claim, ErrorKind, Field, Lease, Ledger, LedgerError, Mode, Reason, Refusal, Reservation,
    Time, UsageHandle,
    entry::Entry,
    gate::Link,
    month::{Asking, Month},
};

/// A lease is used for this part of the time for which it was asked, so that clocks which run at different speeds do not matter.
const USED_PART: (u32, u32) = (9, 10);

/// Admits by what the shared ledger grants.
pub(crate) async fn ask(
    handle: &UsageHandle,
    at: Time,
    proposed: Amount,
    refusal: Refusal,
) -> Result<Reservation, Refusal> {
    let entry = &*handle.entry;
    let Some(shared) = &entry.context.settings.shared else {
        return Err(refusal);
    };
    let month = entry.month_at(at);
    let mut asking = month.asking.lock().await;
    // Whoever asked before may have been granted enough for several, or may have found that nothing is left.
    if let Ok(reservation) = handle.attempt_within(at, month, &mut entry.gate_at(month, at), proposed) {
        return Ok(reservation);
    }
    if let Some((_, reason)) = asking.dry_until.filter(|(until, _)| Instant::now() < *until) {
        return Err(Refusal { reason, ..refusal });
    }
    let answer = match entry.mode {
        Mode::Ask => admit(entry, month, &mut asking, &shared.ledger, proposed).await,
        _ => lease(entry, month, &mut asking, &shared.ledger, proposed).await,
    };
    if answer.is_err() {
        entry.context.failed();
    }
    let mut gate = entry.gate_at(month, at);
    if let Ok(Some(lease)) = &answer {
        gate.granted = lease.up_to;
        entry.follow_within(month, &mut gate);
    }
    let refusal = match handle.attempt_within(at, month, &mut gate, proposed) {
        Ok(reservation) => return Ok(reservation),
        Err(refusal) => refusal,
    };
    drop(gate);
    let reason = if answer.is_err() { Reason::Lost } else { Reason::Limit };
    // Those who wait behind this one are not to wait for the same answer one after the other.
    if reason == Reason::Lost || entry.mode == Mode::Lease {
        asking.dry_until = Some((Instant::now() + entry.context.settings.push_interval, reason));
    }
    Err(Refusal { reason, ..refusal })
}

/// Asks for more than is needed, so that the next ones need not ask.
pub(crate) async fn lease(
    entry: &Entry,
    month: &Month,
    asking: &mut Asking,
    ledger: &Ledger,
    needed: Amount,
) -> Result<Option<Lease>, LedgerError> {
    let claim = claim(entry, month, |field| {
        let size = entry
            .limits()
            .get(field)
            .map_or(0, |limit| part_of(limit, asking.left.get(field), entry));
        needed.get(field).max(size)
    });
    let asked = Instant::now();
    let lease = in_time(entry, ledger.lease(&claim)).await?;
    note(entry, month, asking, &claim, asked, &lease);
    Ok(Some(lease))
}

/// Asks for exactly this. None if it is refused.
async fn admit(
    entry: &Entry,
    month: &Month,
    asking: &mut Asking,
    ledger: &Ledger,
    proposed: Amount,
) -> Result<Option<Lease>, LedgerError> {
    let claim = claim(entry, month, |field| proposed.get(field));
    let asked = Instant::now();
    match in_time(entry, ledger.admit(&claim)).await? {
        Answer::Admitted(lease) => {
            note(entry, month, asking, &claim, asked, &lease);
            Ok(Some(lease))
        }
        Answer::Refused(_) => Ok(None),
    }
}

/// So much of a limit at once; near the limit half of what is left, so that the last of it is not held where nobody needs it.
fn part_of(limit: u64, left: u64, entry: &Entry) -> u64 {
    let percent = u64::from(entry.context.settings.lease_percent_max);
    let most = limit / 100 * percent + limit % 100 * percent / 100;
    let most = if left == 0 { most } else { most.min(left / 2) };
    most.max(1)
}

fn claim(entry: &Entry, month: &Month, more: impl Fn(Field) -> u64) -> Claim {
    let context = &entry.context;
    let (totals, held) = {
        let gate = month.gate();
        let totals = month.totals_within(&gate);
        (totals, totals.used().plus(gate.reserved))
    };
    Claim {
        cell: Cell {
            writer: context.writer,
            subject: entry.subject.clone(),
            period: month.period,
            totals,
        },
        up_to: held.plus(Amount::from_fn(more)),
        limits: entry.limits(),
        at: context.settings.clock.now(),
        valid_for: context.settings.lease_valid_for,
    }
}

/// Remembers until when the lease may be used, counted from before it was asked for, by both clocks.
fn note(entry: &Entry, month: &Month, asking: &mut Asking, claim: &Claim, asked: Instant, lease: &Lease) {
    let used_for = entry.context.settings.lease_valid_for * USED_PART.0 / USED_PART.1;
    asking.left = lease.left;
    asking.ends = Some(asked + used_for);
    asking.used_then = claim.cell.totals.used();
    asking.dry_until = None;
    month.gate().granted_until = claim.at.after(used_for);
}

/// Answers within the operation timeout, whatever the ledger does.
pub(crate) async fn in_time<T>(
    entry: &Entry,
    operation: impl Future<Output = Result<T, LedgerError>>,
) -> Result<T, LedgerError> {
    let limit = entry.context.settings.operation_timeout;
    let late = |_| LedgerError::new(ErrorKind::Unavailable, "waiting", "there was no answer in time");
    timeout(limit, operation).await.map_err(late)?
}

/// Keeps the lease of a month as it should be: renews one that is in use before it ends, and asks for more when less than half is
/// left. One that is not used runs out.
pub(crate) async fn keep_up(entry: &Entry, month: &Month, ledger: &Ledger) -> Result<(), LedgerError> {
    // Somebody is asking at this moment: no need.
    let Ok(mut asking) = month.asking.try_lock() else {
        return Ok(());
    };
    let Some(ends) = asking.ends else {
        return Ok(());
    };
    let now = Instant::now();
    let used = month.totals().used();
    if entry.mode != Mode::Lease || entry.context.link() != Link::Up || used == asking.used_then {
        return Ok(());
    }
    let granted = month.gate().granted;
    let limits = entry.limits();
    let low = Field::ALL.into_iter().any(|field| {
        let part = limits
            .get(field)
            .map_or(0, |limit| part_of(limit, asking.left.get(field), entry));
        granted.get(field).saturating_sub(used.get(field)) < part.div_ceil(2) && asking.left.get(field) > 0
    });
    let ending = ends.saturating_duration_since(now) < entry.context.settings.lease_valid_for / 3;
    if low || ending {
        let lease = lease(entry, month, &mut asking, ledger, Amount::ZERO).await?;
        if let Some(lease) = lease {
            let mut gate = month.gate();
            gate.granted = lease.up_to;
            entry.follow_within(month, &mut gate);
        }
    }
    Ok(())
}

/// Drops a lease that has run out by the clock that nobody sets: the others may have it.
pub(crate) fn expire(entry: &Entry, month: &Month) {
    let Ok(mut asking) = month.asking.try_lock() else {
        return;
    };
    if asking.ends.is_some_and(|ends| ends <= Instant::now()) {
        asking.ends = None;
        let mut gate = month.gate();
        gate.granted = Amount::ZERO;
        entry.follow_within(month, &mut gate);
    }
}
