//! Passwords, TLS, addresses, and what is said of wrong ones.

use std::time::Duration;

use nexus_usage::{
    AtStart, ErrorKind, Ledger, OnLoss, PostgresSettings, RedisSettings, RedisTls, Secret, Settings, SharedLedger,
    Usage,
};

use super::{Store, patient, used};
use crate::servers::redis::{RedisOptions, RedisServer};
use nexus_test_servers::{PostgresServer, free_port, postgres_url};

async fn works(ledger: &Ledger) {
    ledger.ping().await.unwrap();
    ledger.push(&[super::cell(1, "settings", 4)]).await.unwrap();
    assert_eq!(used(ledger, "settings").await, 4);
}

async fn fails(ledger: &Ledger, kind: ErrorKind) {
    let error = ledger.ping().await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
}

#[tokio::test]
async fn redis_with_a_password_and_a_database() {
    if !Store::Redis.is_there() {
        return;
    }
    let server = RedisServer::start_with(RedisOptions {
        password: Some("correct".to_owned()),
        ..RedisOptions::default()
    });
    let with = |password: Option<&str>, username: Option<&str>| {
        let settings = RedisSettings {
            password: password.map(Secret::new),
            username: username.map(str::to_owned),
            database: 7,
            ..patient(RedisSettings::one(server.address()))
        };
        assert!(!format!("{settings:?}").contains("correct"), "a password is not shown");
        Ledger::redis(settings).unwrap()
    };
    works(&with(Some("correct"), None)).await;
    works(&with(Some("correct"), Some("default"))).await;
    assert_eq!(server.command(&["-n", "7", "DBSIZE"]).trim(), "2");
    fails(&with(Some("wrong"), None), ErrorKind::Refused).await;
    fails(&with(Some("correct"), Some("nobody")), ErrorKind::Refused).await;
    fails(&with(None, None), ErrorKind::Refused).await;
}

#[tokio::test]
async fn redis_with_persistence_comes_back_with_what_it_had() {
    if !Store::Redis.is_there() {
        return;
    }
    let mut server = RedisServer::start_with(RedisOptions {
        persistence: true,
        ..RedisOptions::default()
    });
    let ledger = Ledger::redis(patient(RedisSettings::one(server.address()))).unwrap();
    works(&ledger).await;
    server.kill();
    server.start_again();
    // The connection broke; the next one is made by itself.
    let _ = ledger.ping().await;
    assert_eq!(used(&ledger, "settings").await, 4);
}

#[tokio::test]
async fn redis_with_tls() {
    if !Store::Redis.is_there() {
        return;
    }
    let server = RedisServer::start_with(RedisOptions {
        tls: true,
        ..RedisOptions::default()
    });
    let other = RedisServer::start_with(RedisOptions {
        tls: true,
        ..RedisOptions::default()
    });
    let with = |tls| {
        let settings = RedisSettings {
            tls,
            connect_timeout: Duration::from_secs(2),
            ..RedisSettings::one(server.address())
        };
        Ledger::redis(settings).unwrap()
    };
    let authority = |server: &RedisServer| RedisTls::Authorities(std::fs::read(server.authority()).unwrap());
    works(&with(authority(&server))).await;
    fails(&with(authority(&other)), ErrorKind::Unavailable).await;
    fails(&with(RedisTls::SystemAuthorities), ErrorKind::Unavailable).await;
    fails(&with(RedisTls::Off), ErrorKind::Unavailable).await;
}

#[tokio::test]
async fn postgres_with_tls() {
    if !Store::Postgres.is_there() {
        return;
    }
    let server = PostgresServer::start_with_tls();
    let with = |query: &str, authorities: Option<Vec<u8>>| {
        let url = server.url("postgres") + query;
        Ledger::postgres(PostgresSettings {
            authorities,
            connect_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(10),
            ..PostgresSettings::new(Secret::new(url))
        })
        .unwrap()
    };
    let authority = std::fs::read(server.authority()).unwrap();
    works(&with("?sslmode=require", Some(authority))).await;
    assert!(
        with("?sslmode=require", None).ping().await.is_err(),
        "an authority that nobody trusts"
    );
    fails(&with("?sslmode=disable", None), ErrorKind::Refused).await;
}

#[tokio::test]
async fn postgres_of_another_version_is_refused() {
    if !Store::Postgres.is_there() {
        return;
    }
    let name = super::unique();
    let ledger = Store::Postgres.open_as(&name);
    works(&ledger).await;
    super::postgres().sql(&name, "UPDATE nexus_usage_ledger SET version = 2");
    fails(&Store::Postgres.open_as(&name), ErrorKind::Refused).await;
}

#[tokio::test]
async fn postgres_is_prepared_by_one_of_many_who_come_at_once() {
    if !Store::Postgres.is_there() {
        return;
    }
    let name = super::unique();
    let ledgers: Vec<_> = (0..8).map(|_| Store::Postgres.open_as(&name)).collect();
    let tasks: Vec<_> = ledgers
        .into_iter()
        .map(|ledger| tokio::spawn(async move { ledger.push(&[super::cell(1, "many", 4)]).await.unwrap() }))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(used(&Store::Postgres.open_as(&name), "many").await, 4);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_reached() {
    let address = || "127.0.0.1:1".parse().unwrap();
    let braces = RedisSettings {
        key_prefix: "a{b}".to_owned(),
        ..RedisSettings::one(address())
    };
    let none = RedisSettings::cluster(Vec::new());
    let two = RedisSettings {
        topology: nexus_usage::RedisTopology::One,
        ..RedisSettings::cluster(vec![address(), address()])
    };
    for settings in [braces, none, two] {
        assert_eq!(Ledger::redis(settings).unwrap_err().kind(), ErrorKind::Refused);
    }
    let url = Secret::new("postgres://user:hidden@host:notaport/");
    let error = Ledger::postgres(PostgresSettings::new(url)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!format!("{error} {error:?}").contains("hidden"));
}

/// A store that is configured and not there is an error, unless it is said to be optional.
#[tokio::test]
async fn a_store_that_is_not_there_at_the_start() {
    let nobody = free_port();
    let redis = RedisSettings::one(format!("127.0.0.1:{nobody}").parse().unwrap());
    let postgres = PostgresSettings::new(Secret::new(postgres_url(nobody, "usage")));
    for ledger in [Ledger::redis(redis).unwrap(), Ledger::postgres(postgres).unwrap()] {
        for (at_start, opens) in [(AtStart::Required, false), (AtStart::Optional, true)] {
            let opened = Usage::open(Settings {
                shared: Some(SharedLedger {
                    ledger: ledger.clone(),
                    at_start,
                    on_loss: OnLoss::GoOn,
                }),
                ..Settings::default()
            });
            assert_eq!(opened.await.is_ok(), opens, "{} {at_start:?}", ledger.name());
        }
    }
}
