//! Connecting to PostgreSQL, on real servers. One binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "all of this is tests, helpers included"
)]

mod connecting;
mod schemas;
mod urls;

use std::{sync::OnceLock, time::Duration};

use nexus_postgres::{Database, Schema, Timeouts};
use nexus_test_servers::{DEADLINE, PostgresServer, postgres_url, require};
use nexus_trust::Secret;

/// Long enough for any machine.
const PATIENT: Timeouts = Timeouts {
    connect: DEADLINE,
    statement: DEADLINE,
};

/// One table that says its version.
const ONE_TABLE: Schema = Schema {
    table: "some_tables",
    version: 1,
    create: "CREATE TABLE some_tables (version integer NOT NULL); INSERT INTO some_tables VALUES (1)",
    upgrades: &[],
    lock: (4711, 0),
};

/// The server that all tests use; none, loudly, where PostgreSQL is not installed.
fn server() -> Option<&'static PostgresServer> {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    require(PostgresServer::PROGRAMS).then(|| SERVER.get_or_init(PostgresServer::start))
}

/// How an empty database is reached.
fn empty_database(server: &PostgresServer) -> (String, Database) {
    let name = server.database();
    let database = database(&postgres_url(server.port(), &name), PATIENT);
    (name, database)
}

fn database(url: &str, timeouts: Timeouts) -> Database {
    Database::new(&Secret::new(url), None, "nexus-test", timeouts).unwrap()
}

fn within(connect: Duration) -> Timeouts {
    Timeouts { connect, ..PATIENT }
}
