//! Advisory locks, held to the end of the transaction.

/// While the tables are made.
pub(super) const SCHEMA: &str = "SELECT pg_advisory_xact_lock(4568, 0)";

/// While partitions are made.
pub(super) const PARTITIONS: &str = "SELECT pg_advisory_xact_lock(4568, 1)";

/// While something is thrown away; says whether it was free.
pub(super) const TRY_RETENTION: &str = "SELECT pg_try_advisory_xact_lock(4568, 2)";
