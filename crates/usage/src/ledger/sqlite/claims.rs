//! The claims in SQLite.

use rusqlite::{Connection, params};

use super::{
    super::{Answer, Claim, Lease, claim::Held},
    cells,
    error::Failure,
};
use crate::{Amount, Cell, Time};

const HELD: &str = "
SELECT writer, added_api_requests, added_egress_bytes, added_ingress_bytes,
       taken_api_requests, taken_egress_bytes, taken_ingress_bytes,
       claimed_api_requests, claimed_egress_bytes, claimed_ingress_bytes, valid_until_ms
FROM cells WHERE period = ?1 AND backend = ?2";

const HOLD: &str = "
UPDATE cells SET claimed_api_requests = ?4, claimed_egress_bytes = ?5, claimed_ingress_bytes = ?6, valid_until_ms = ?7
WHERE period = ?1 AND backend = ?2 AND writer = ?3";

const GIVE_BACK: &str = "
UPDATE cells SET claimed_api_requests = min(claimed_api_requests, ?4),
    claimed_egress_bytes = min(claimed_egress_bytes, ?5), claimed_ingress_bytes = min(claimed_ingress_bytes, ?6)
WHERE period = ?1 AND backend = ?2 AND writer = ?3";

pub(super) fn lease(db: &Connection, claim: &Claim) -> Result<Lease, Failure> {
    if !cells::merge(db, &claim.cell)? {
        return Ok(Lease::default());
    }
    let lease = grant(db, claim)?;
    hold(db, claim, &lease)?;
    Ok(lease)
}

pub(super) fn admit(db: &Connection, claim: &Claim) -> Result<Answer, Failure> {
    if !cells::merge(db, &claim.cell)? {
        return Ok(Answer::Admitted(Lease::default()));
    }
    let lease = grant(db, claim)?;
    if let Some(field) = claim.lacks(&lease) {
        return Ok(Answer::Refused(field));
    }
    hold(db, claim, &lease)?;
    Ok(Answer::Admitted(lease))
}

pub(super) fn give_back(db: &Connection, cell: &Cell, up_to: Amount) -> Result<(), Failure> {
    if cells::merge(db, cell)? {
        update(db, GIVE_BACK, cell, up_to, None)?;
    }
    Ok(())
}

fn grant(db: &Connection, claim: &Claim) -> Result<Lease, Failure> {
    let own_id = cells::writer_bytes(claim.cell.writer);
    let (mut own, mut others) = (Amount::ZERO, Amount::ZERO);
    let mut statement = db.prepare_cached(HELD)?;
    let mut rows = statement.query(params![claim.cell.period.ordinal(), claim.cell.subject.as_str()])?;
    while let Some(row) = rows.next()? {
        let held = Held {
            used: cells::totals(row, 1)?.used(),
            claimed: cells::amount(row, 7)?,
            valid_until: Time::from_millis(row.get(10)?),
        };
        if row.get_ref(0)?.as_blob().is_ok_and(|writer| writer == own_id) {
            own = held.at(claim.at);
        } else {
            others = others.plus(held.at(claim.at));
        }
    }
    Ok(claim.granted(own, others))
}

fn hold(db: &Connection, claim: &Claim, lease: &Lease) -> Result<(), Failure> {
    update(
        db,
        HOLD,
        &claim.cell,
        lease.up_to,
        Some(claim.at.after(claim.valid_for)),
    )
}

fn update(db: &Connection, sql: &str, cell: &Cell, up_to: Amount, until: Option<Time>) -> Result<(), Failure> {
    let value = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let writer = cells::writer_bytes(cell.writer);
    let (period, subject) = (cell.period.ordinal(), cell.subject.as_str());
    let (requests, egress, ingress) = (
        value(up_to.api_requests),
        value(up_to.egress_bytes),
        value(up_to.ingress_bytes),
    );
    let mut statement = db.prepare_cached(sql)?;
    match until {
        Some(until) => statement.execute(params![
            period,
            subject,
            writer,
            requests,
            egress,
            ingress,
            until.millis()
        ])?,
        None => statement.execute(params![period, subject, writer, requests, egress, ingress])?,
    };
    Ok(())
}
