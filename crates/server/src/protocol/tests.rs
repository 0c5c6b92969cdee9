//! What holds for every protocol, and what a toy gets from its row in the table.

use std::{collections::BTreeSet, fs, path::Path};

use axum::{
    Router,
    body::Body,
    http::{
        Request, Response,
        header::{CONTENT_TYPE, HOST},
    },
};
use bytes::Bytes;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{
    auth::{ApiKey, Digest, KeySource, Scopes},
    config::{Config, KeyLimits, StatePaths},
    hub::Hub,
    serve::Exchange,
};

/// A hub without a socket.
struct Subject {
    hub: Hub,
    service: Router,
    _directory: tempfile::TempDir,
}

/// Keys are called as they are; `limited` may send two requests a month, `toys` may touch what begins with `toy_`.
fn subject() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let key = |name: &str, scopes, prefix: Option<&str>| ApiKey {
        name: name.into(),
        digest: Digest::of(name),
        scopes,
        prefix: prefix.map(|prefix| prefix.parse().unwrap()),
        created: None,
        source: KeySource::Config,
    };
    let mut config = Config {
        state: StatePaths::at(directory.path()),
        keys: vec![
            key("admin", Scopes::ALL, None),
            key("reader", "read".parse().unwrap(), None),
            key("limited", Scopes::CLIENT, None),
            key("toys", Scopes::CLIENT, Some("toy_")),
        ],
        ..Config::default()
    };
    config.listen.plain_http = true;
    let two = KeyLimits {
        api_requests: 2,
        ..KeyLimits::default()
    };
    config.usage.limits.insert("limited".to_owned(), two);
    let hub = Hub::open(config, false).unwrap().hub;
    Subject {
        service: hub.service(),
        hub,
        _directory: directory,
    }
}

impl Subject {
    async fn send(&self, mut request: Request<Body>) -> Response<Bytes> {
        let exchange = Exchange::detached();
        request.extensions_mut().insert(exchange.clone());
        let (head, body) = self.service.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        exchange.finish(None);
        Response::from_parts(head, body)
    }

    /// Sends `METHOD path` with this key and content type; gives `status content-type body`.
    async fn ask(&self, key: &str, request: &str, content_type: &str, body: &'static str) -> String {
        let (method, path) = request.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path).header(HOST, "hub");
        for (name, value) in [("x-api-key", key), (CONTENT_TYPE.as_str(), content_type)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let (head, body) = self.send(request.body(body.into()).unwrap()).await.into_parts();
        let kind = head
            .headers
            .get(CONTENT_TYPE)
            .map_or("-", |kind| kind.to_str().unwrap());
        format!("{} {kind} {}", head.status.as_u16(), String::from_utf8_lossy(&body))
    }

    /// `METHOD path` of all that is described.
    async fn described(&self) -> BTreeSet<String> {
        let text = self.ask("admin", "GET /api/v1/openapi.json", "", "").await;
        let (_, document) = text.split_once(" application/json ").unwrap();
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let methods = methods.as_object().unwrap().keys();
            described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        described
    }
}

/// `METHOD path` of the rows of a table at the beginning of a file.
fn rows(source: &str) -> BTreeSet<String> {
    let rows = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split(" | ").next());
    let mut table = BTreeSet::new();
    for request in rows.flat_map(|row| row.split(", ")) {
        let mut words: Vec<&str> = request.trim_matches('`').split(' ').collect();
        let path = words.pop().unwrap();
        table.extend(words.iter().map(|method| format!("{method} {path}")));
    }
    table
}

/// Served without being described: they answer before anybody asks for a description, or are it.
const UNDESCRIBED: [&str; 3] = ["GET /-/healthy", "GET /-/ready", "GET /api/v1/openapi.json"];

#[tokio::test]
async fn the_tables_at_the_beginning_of_the_files_are_what_is_described() {
    let mut described = subject().described().await;
    described.extend(UNDESCRIBED.map(String::from));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = fs::read_dir(source.join("protocol")).unwrap();
    let files = folders.map(|folder| folder.unwrap().path().join("mod.rs"));
    let files = files.filter(|file| file.exists()).chain([source.join("http.rs")]);
    let tables = files.flat_map(|file| rows(&fs::read_to_string(file).unwrap()));
    assert_eq!(tables.collect::<BTreeSet<_>>(), described);
}

#[tokio::test]
async fn nobody_is_answered_without_a_key_but_who_asks_for_health() {
    let subject = subject();
    let mut requests = subject.described().await;
    requests.extend(
        [
            "GET /api/v1/openapi.json",
            "GET /no/such/path",
            "PUT /api/inc",
            "PATCH /m",
        ]
        .map(String::from),
    );
    for request in requests {
        let path = request.replace(['{', '}'], "");
        for key in ["", "nobody's"] {
            let answer = subject.ask(key, &path, "", "").await;
            assert!(answer.starts_with("401 "), "{request}: {answer}");
        }
    }
    for request in ["GET /-/healthy", "GET /-/ready"] {
        let answer = subject.ask("", request, "", "").await;
        assert!(answer.starts_with("200 "), "{request}: {answer}");
    }
}

const TOY: &str = "application/x-toy";

#[tokio::test]
async fn a_toy_is_a_protocol_like_all_others() {
    let subject = subject();
    let mut wrong = Vec::new();
    for (key, request, content_type, body, expected) in [
        // Its route answers, by the one way in which the state changes.
        (
            "admin",
            "POST /toy/toy_total",
            TOY,
            "|||",
            "200 text/plain; charset=utf-8 |",
        ),
        ("admin", "GET /toy_total", "", "", "200 text/plain; charset=utf-8 3"),
        // Its segment names no metric; the others still do.
        (
            "admin",
            "POST /toy",
            "",
            "",
            "400 text/plain; charset=utf-8 /toy is reserved for toys: choose another name, or use the JSON API\n",
        ),
        (
            "admin",
            "POST /Toy",
            "",
            "",
            "400 text/plain; charset=utf-8 /Toy is reserved for toys: choose another name, or use the JSON API\n",
        ),
        (
            "admin",
            "PUT /toy/a/b",
            "",
            "",
            "404 text/plain; charset=utf-8 there is nothing here (/toy is reserved for toys): see /api/v1/openapi.json\n",
        ),
        ("admin", "POST /toys", "", "", "201 text/plain; charset=utf-8 Created"),
        // What is refused looks as it says, whoever refuses it.
        (
            "admin",
            "POST /toy/toy_total",
            TOY,
            "|x",
            "400 application/x-toy x 'x' is no stroke",
        ),
        (
            "admin",
            "POST /toy/toy_total",
            "text/plain; charset=utf-8",
            "|",
            "415 application/x-toy x Content-Type \"text/plain\" is not understood here: send application/x-toy",
        ),
        (
            "admin",
            "POST /toy/toys",
            TOY,
            "|",
            "409 application/x-toy x toys is a gauge: it cannot be a counter",
        ),
        (
            "admin",
            "PUT /toy/toy_total",
            TOY,
            "|",
            "405 application/x-toy x Method Not Allowed",
        ),
        (
            "",
            "POST /toy/toy_total",
            TOY,
            "|",
            "401 application/x-toy x missing or malformed API Key: send it as `Authorization: Bearer KEY`",
        ),
        (
            "nobody's",
            "POST /toy/toy_total",
            TOY,
            "|",
            "401 application/x-toy x Invalid or expired API Key",
        ),
        ("reader", "POST /toy/toy_total", TOY, "|", "403 application/x-toy x "),
        (
            "toys",
            "POST /toy/toy_total",
            "APPLICATION/X-TOY",
            "|",
            "200 text/plain; charset=utf-8 |",
        ),
        ("toys", "POST /toy/total", TOY, "|", "403 application/x-toy x "),
        // Its requests are limited and charged like others.
        (
            "limited",
            "POST /toy/toy_total",
            TOY,
            "|",
            "200 text/plain; charset=utf-8 |",
        ),
        ("limited", "GET /toy_total", "", "", "200 text/plain; charset=utf-8 5"),
        ("limited", "POST /toy/toy_total", TOY, "|", "429 application/x-toy x "),
    ] {
        let answer = subject.ask(key, request, content_type, body).await;
        let is_it = match expected.ends_with(" x ") {
            true => answer.starts_with(expected),
            false => answer == expected,
        };
        if !is_it {
            wrong.push(format!("{key} {request} {body}: {answer}"));
        }
    }
    let usage = subject.ask("toys", "GET /api/v1/usage", "", "").await;
    if !usage.contains(r#""used":{"api_requests":2,"#) {
        wrong.push(usage);
    }
    // It is described, and in the usage log.
    assert!(subject.described().await.contains("POST /toy/{counter}"));
    let report = "/api/v1/usage/report?group_by=key&where=route=/toy/%7Bcounter%7D&where=status=200&format=csv";
    let report = subject.ask("admin", &format!("GET {report}"), "", "").await;
    let calls = report
        .lines()
        .skip(1)
        .map(|row| row.splitn(3, ',').take(2).collect::<Vec<_>>().join(","));
    if calls.collect::<Vec<_>>() != ["admin,1", "limited,1", "toys,1"] {
        wrong.push(report);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    subject.hub.close().await.unwrap();
}
