//! The tables, and what is asked of them.

use nexus_postgres::Schema;

/// The tables, and the functions that change them.
pub(super) const SCHEMA: Schema = Schema {
    table: "nexus_usage_ledger",
    version: 1,
    create: include_str!("schema.sql"),
    upgrades: &[],
    lock: (4567, 0),
};

/// What all writers counted of some subjects in one month, and what of it one writer did.
pub(super) const SUMS: &str = include_str!("sums.sql");

/// What all writers counted, by month and subject.
pub(super) const REPORT: &str = include_str!("report.sql");
