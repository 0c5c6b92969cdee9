//! The tables.

use nexus_postgres::Schema;

/// The tables, of which partitions are made day by day.
pub(crate) const SCHEMA: Schema = Schema {
    table: "nexus_usage_log",
    version: 2,
    create: include_str!("schema.sql"),
    upgrades: &[],
    lock: (super::lock::CLASS, 0),
};
