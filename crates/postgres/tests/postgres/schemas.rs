//! Tables that many make at once, and those of other versions.

use nexus_postgres::{Database, Schema};
use tokio::task::JoinSet;

use crate::{ONE_TABLE, empty_database, server};

/// Two versions further.
const THREE: Schema = Schema {
    version: 3,
    create: "CREATE TABLE some_tables (version integer NOT NULL, a text, b text);
             INSERT INTO some_tables VALUES (3)",
    upgrades: &[
        (1, "ALTER TABLE some_tables ADD COLUMN a text"),
        (2, "ALTER TABLE some_tables ADD COLUMN b text"),
    ],
    ..ONE_TABLE
};

/// All come at once, and all find the tables.
async fn many(database: &Database, schema: &'static Schema) {
    let mut coming = JoinSet::new();
    for _ in 0..16 {
        let database = database.clone();
        coming.spawn(async move { database.connect(schema).await.map(drop) });
    }
    while let Some(came) = coming.join_next().await {
        came.unwrap().unwrap();
    }
}

#[tokio::test]
async fn of_many_that_come_at_once_one_makes_the_tables_and_one_brings_them_up_to_date() {
    let Some(server) = server() else { return };
    let (name, database) = empty_database(server);
    many(&database, &ONE_TABLE).await;
    assert_eq!(server.sql(&name, "SELECT version FROM some_tables"), "1");
    many(&database, &THREE).await;
    assert_eq!(server.sql(&name, "SELECT version, a, b FROM some_tables"), "3||");
    many(&database, &THREE).await;
}

#[tokio::test]
async fn tables_of_another_version_are_named_and_left_alone() {
    let Some(server) = server() else { return };
    let check = async |found: i32, expected: &str| {
        let (name, database) = empty_database(server);
        database.connect(&ONE_TABLE).await.unwrap();
        server.sql(&name, &format!("UPDATE some_tables SET version = {found}"));
        let refused = database.connect(&THREE).await.unwrap_err().to_string();
        assert!(
            refused.contains(&format!("version {found}, {expected} than version 3")),
            "{refused}"
        );
        assert!(refused.contains("some_tables"), "{refused}");
        assert_eq!(server.sql(&name, "SELECT version FROM some_tables"), found.to_string());
    };
    check(4, "newer").await;
    check(i32::MAX, "newer").await;
    check(0, "older").await;
    check(-1, "older").await;
}

#[tokio::test]
async fn tables_that_cannot_be_made_are_not_half_made() {
    let Some(server) = server() else { return };
    let (name, database) = empty_database(server);
    let broken = Schema {
        create: "CREATE TABLE some_tables (version integer NOT NULL); SELECT nonsense()",
        ..ONE_TABLE
    };
    let refused = database.connect(&broken).await.unwrap_err().to_string();
    assert!(refused.contains("42883") && refused.contains("nonsense"), "{refused}");
    assert_eq!(
        server.sql(&name, "SELECT count(*) FROM pg_class WHERE relname = 'some_tables'"),
        "0"
    );
    database.connect(&ONE_TABLE).await.unwrap();
}
