//! Advisory locks, held to the end of the transaction.

/// Of all of them; number 0 is held while the tables are made.
pub(super) const CLASS: i32 = 4568;

/// While partitions are made.
pub(super) const PARTITIONS: &str = "SELECT pg_advisory_xact_lock(4568, 1)";

/// While something is thrown away; says whether it was free.
pub(super) const TRY_RETENTION: &str = "SELECT pg_try_advisory_xact_lock(4568, 2)";
