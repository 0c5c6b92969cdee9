//! What a URL may be, and that nothing of it is quoted.

use nexus_postgres::{Database, SettingsError};
use nexus_trust::Secret;

use crate::PATIENT;

fn made(url: &str, authorities: Option<&[u8]>) -> Result<Database, SettingsError> {
    Database::new(&Secret::new(url), authorities, "nexus-test", PATIENT)
}

#[test]
fn a_url_or_pairs_name_the_hosts_that_are_tried() {
    let check = |url: &str, hosts: &str| {
        let shown = format!("{:?}", made(url, None).unwrap());
        assert!(shown.contains(&format!("hosts: {hosts:?}")), "{url}: {shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    };
    check("postgres://nexus:hunter2@db.example/usage", "db.example:5432");
    check("postgresql://nexus:hunter2@db.example:6432/usage", "db.example:6432");
    check(
        "postgres://nexus:hunter2@a:1,b:2/usage?target_session_attrs=read-write",
        "a:1, b:2",
    );
    check(
        "host=a,b user=nexus password='hunter2' connect_timeout=3",
        "a:5432, b:5432",
    );
    check("hostaddr=10.0.0.1 user=nexus password=hunter2", "10.0.0.1:5432");
    check("host=/run/postgresql user=nexus password=hunter2", "/run/postgresql");
    check(
        "postgres://nexus:h%40nter2@[::1]:5433/usage?sslmode=require",
        "::1:5433",
    );
}

#[test]
fn what_is_wrong_with_a_url_is_said_without_quoting_it() {
    let check = |url: &str, expected: &str| {
        let said = made(url, None).unwrap_err().to_string();
        assert!(said.contains(expected), "{url}: {said}");
        assert!(!said.contains("hunter") && !said.contains("nter2"), "{said}");
    };
    const NEITHER: &str = "neither postgres://USER:PASSWORD@HOST:PORT/DATABASE nor key=value pairs";
    check("", "names no host");
    check("hunter2", NEITHER);
    check("mysql://nexus:hunter2@db/usage", NEITHER);
    check(
        "postgres://nexus:hunter2@db:hunter2/usage",
        "invalid value for option `port`",
    );
    check(
        "postgres://nexus:hunter2@db/usage?sslmode=hunter2",
        "invalid value for option `sslmode`",
    );
    check("postgres://nexus:hunter2@db/usage?hunter2=1", NEITHER);
    check("password=hunter2 hunter2=x host=db", NEITHER);
    check("postgres://nexus:hu@nter2@db/usage", "%40");
    check("postgres://nexus:hunter2@/usage", "no host");
    check("user=nexus password=hunter2", "no host");
}

#[test]
fn authorities_are_looked_at_where_they_count() {
    let encrypted = "postgres://nexus:hunter2@db/usage?sslmode=require";
    let refused = made(encrypted, Some(b"no certificate")).unwrap_err().to_string();
    assert!(
        refused.starts_with("TLS for PostgreSQL cannot be set up: no certificate"),
        "{refused}"
    );
    assert!(made(encrypted, None).is_ok());
    assert!(made("postgres://nexus:hunter2@db/usage", Some(b"no certificate")).is_ok());
}
