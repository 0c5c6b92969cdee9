//! Hosts, TLS, timeouts and warnings.

use std::time::Duration;

use nexus_postgres::{ConnectError, Database, Timeouts, said};
use nexus_test_servers::{PostgresServer, Proxy, Weather, free_port, require};
use nexus_trust::Secret;

use crate::{ONE_TABLE, PATIENT, database, empty_database, server, within};

#[tokio::test]
async fn the_first_host_that_takes_the_connection_is_used() {
    let Some(server) = server() else { return };
    let (name, nobody) = (server.database(), free_port());
    let url = format!(
        "postgres://postgres@127.0.0.1:{nobody},127.0.0.1:{}/{name}",
        server.port()
    );
    let connection = database(&url, PATIENT).connect(&ONE_TABLE).await.unwrap();
    assert!(!connection.client.is_closed());

    let url = format!("postgres://postgres:hunter2@127.0.0.1:{nobody},localhost:{nobody}/{name}");
    let refused = database(&url, PATIENT).connect(&ONE_TABLE).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(&format!("127.0.0.1:{nobody}, localhost:{nobody}")),
        "{text}"
    );
    assert!(text.contains("refused") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_host_that_lets_nobody_write_is_passed_over_if_that_is_asked_for() {
    let Some(primary) = server() else { return };
    let standby = PostgresServer::start_with_settings(&["fsync=off", "default_transaction_read_only=on"]);
    let ports = (standby.port(), primary.port());
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        ports.0, ports.1
    );
    let schema = nexus_postgres::Schema {
        table: "of_the_primary",
        create: "CREATE TABLE of_the_primary (version integer); INSERT INTO of_the_primary VALUES (1)",
        ..ONE_TABLE
    };
    database(&url, PATIENT).connect(&schema).await.unwrap();
    assert_eq!(primary.sql("postgres", "SELECT version FROM of_the_primary"), "1");
}

#[tokio::test]
async fn what_the_server_says_against_a_connection_is_told() {
    let Some(server) = server() else { return };
    let url = format!("postgres://postgres:hunter2@127.0.0.1:{}/nowhere", server.port());
    let text = database(&url, PATIENT)
        .connect(&ONE_TABLE)
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("3D000") && text.contains("nowhere"), "{text}");
    assert!(
        text.contains(&format!("127.0.0.1:{}", server.port())) && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let Some(server) = server() else { return };
    let proxy = Proxy::before(server.port());
    proxy.set(Weather::BlackHole);
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let database = database(&url, within(Duration::from_millis(50)));
    let given_up = database.connect(&ONE_TABLE).await.unwrap_err();
    assert!(matches!(given_up, ConnectError::Timeout { .. }), "{given_up}");
    assert!(given_up.to_string().contains(&proxy.address()), "{given_up}");
}

#[tokio::test]
async fn a_server_is_verified_where_encryption_is_asked_for() {
    if !require(PostgresServer::PROGRAMS) {
        return;
    }
    let (server, other) = (PostgresServer::start_with_tls(), PostgresServer::start_with_tls());
    let check = async |url: &str, authority: &PostgresServer, expected: &str| {
        let authority = std::fs::read(authority.authority()).unwrap();
        let database = Database::new(&Secret::new(url), Some(&authority), "nexus-test", PATIENT).unwrap();
        let found = match database.connect(&ONE_TABLE).await {
            Ok(_) => "connected".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{url}: {found}");
    };
    let url = server.url("postgres");
    check(&format!("{url}?sslmode=require"), &server, "connected").await;
    check(&format!("{url}?sslmode=require"), &other, "invalid peer certificate").await;
    // Its certificate is for localhost and 127.0.0.1.
    let elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    check(&format!("{elsewhere}?sslmode=require"), &server, "no connection").await;
    check(&url, &server, "28000").await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let Some(server) = server() else { return };
    let statement = Duration::from_millis(50);
    let url = server.url(&server.database());
    let database = database(&url, Timeouts { statement, ..PATIENT });
    let connection = database.connect(&ONE_TABLE).await.unwrap();
    let ended = connection
        .client
        .batch_execute("SELECT pg_sleep(600)")
        .await
        .unwrap_err();
    assert!(said(&ended).starts_with("57014"), "{}", said(&ended));
}

#[tokio::test]
async fn warnings_are_counted_before_the_answer_and_notices_are_none() {
    let Some(server) = server() else { return };
    let (_, database) = empty_database(server);
    let connection = database.connect(&ONE_TABLE).await.unwrap();
    let say = |level: &str| format!("DO $$ BEGIN RAISE {level} 'so so'; END $$");
    let before = connection.warnings.count();
    connection.client.batch_execute(&say("NOTICE")).await.unwrap();
    assert_eq!(connection.warnings.since(before), None);
    connection.client.batch_execute(&say("WARNING")).await.unwrap();
    assert_eq!(connection.warnings.since(before).as_deref(), Some("01000: so so"));
    let after = connection.warnings.count();
    connection.client.batch_execute("SELECT 1").await.unwrap();
    assert_eq!((after, connection.warnings.since(after)), (before + 1, None));
}
