//! What passes, what does not, and what the upstream sees.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{
    PATIENCE, curl, is_ready,
    process::{Gateway, Place, of_key},
    report, until,
    upstream::Upstream,
};

#[track_caller]
fn check(gateway: &Gateway, key: &str, path: &str, arguments: &[&str], status: u16) {
    let fetched = gateway.fetch(key, path, arguments);
    assert_eq!(fetched.status, status, "{fetched:?}");
    if status >= 400 && !path.starts_with("/status") {
        assert_eq!(fetched.content_type, "application/problem+json", "{fetched:?}");
        let problem: serde_json::Value = serde_json::from_str(&fetched.body).unwrap();
        assert_eq!(problem["status"], status);
    }
}

#[test]
fn only_those_with_a_key_pass() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let gateway = Place::with_example_keys(&upstream).start(&[]);
    check(&gateway, "Hello", "/bytes/0", &[], 200);
    check(&gateway, "World", "/bytes/100000", &[], 200);
    check(&gateway, "", "/bytes/1", &["-H", "Authorization: Bearer Hello"], 200);
    check(&gateway, "", "/bytes/1", &["-H", "authorization: bearer World"], 200);
    check(&gateway, "Hello", "/bytes/1", &["--head"], 200);
    check(&gateway, "Hello", "/bytes/1", &["--http1.0"], 200);
    check(&gateway, "Hello", "/stream/3", &["--http1.0"], 200);
    check(&gateway, "Hello", "/status/204", &[], 204);
    check(&gateway, "Hello", "/status/304", &[], 304);
    check(&gateway, "Hello", "/status/503", &[], 503);
    check(&gateway, "", "/bytes/1", &[], 401);
    check(&gateway, "hello", "/bytes/1", &[], 401);
    check(&gateway, "Hello", "/bytes/1", &["-H", "X-API-Key: World"], 401);
    check(
        &gateway,
        "nobody",
        "/bytes/1",
        &["-H", "Authorization: Bearer Hello"],
        401,
    );
    check(&gateway, "", "/bytes/1", &["-H", "Authorization: Basic SGVsbG8="], 401);
    check(&gateway, "Hello", "/", &["-X", "OPTIONS", "--request-target", "*"], 400);
}

#[test]
fn the_upstream_sees_the_request_but_not_what_was_for_the_gateway() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let gateway = Place::with_example_keys(&upstream).start(&[]);
    let seen = |arguments: &[&str]| gateway.fetch("Hello", "/headers", arguments).body;

    let plain = seen(&["-H", "Cookie: a=b", "-A", "it", "-H", "Host: shop.example"]);
    let lines = [
        "host: shop.example",
        "user-agent: it",
        "accept: */*",
        "cookie: a=b",
        "x-forwarded-for: 127.0.0.1",
    ];
    for line in lines {
        assert!(plain.lines().any(|seen| seen == line), "{line} in {plain}");
    }
    assert_eq!(plain.lines().count(), lines.len(), "{plain}");

    let hops = seen(&[
        "-H",
        "Connection: keep-alive, x-mine",
        "-H",
        "X-Mine: 1",
        "-H",
        "Keep-Alive: 5",
        "-H",
        "TE: trailers",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Proxy-Authorization: x",
        "-H",
        "Authorization: Bearer of-the-upstream",
        "-H",
        "X-Forwarded-For: 10.1.2.3",
    ]);
    for gone in [
        "connection",
        "x-mine",
        "keep-alive",
        "te:",
        "upgrade",
        "proxy-authorization",
        "x-api-key",
    ] {
        assert!(!hops.lines().any(|seen| seen.starts_with(gone)), "{gone} in {hops}");
    }
    assert!(hops.contains("authorization: Bearer of-the-upstream\n"), "{hops}");
    assert!(hops.contains("x-forwarded-for: 10.1.2.3, 127.0.0.1\n"), "{hops}");
}

#[test]
fn an_upstream_that_fails_is_said_to() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::with_example_keys(&upstream);
    let gateway = place.start(&["--idle-timeout-seconds", "0.2"]);
    check(&gateway, "Hello", "/hangs", &[], 504);
    let cut = gateway.fetch("Hello", "/hangs-within", &[]);
    assert_eq!((cut.status, cut.exit, cut.downloaded), (200, 18, 1), "{cut:?}");

    // Bound and free again: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut place = Place::with_example_keys(&upstream);
    place.upstream = nobody;
    check(&place.start(&[]), "Hello", "/bytes/1", &[], 502);
}

#[test]
fn an_upstream_that_accepts_nobody_is_not_waited_for() {
    if !is_ready() {
        return;
    }
    // Nothing is accepted, so its queue fills, and then a connection is not even answered.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let queue: Vec<TcpStream> = std::iter::from_fn(connect).collect();
    let upstream = Upstream::start();
    let mut place = Place::with_example_keys(&upstream);
    place.upstream = address;
    check(
        &place.start(&["--connect-timeout-seconds", "0.2"]),
        "Hello",
        "/bytes/1",
        &[],
        504,
    );
    drop(queue);
}

#[test]
fn bodies_are_streamed_both_ways() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let gateway = Place::with_example_keys(&upstream).start(&[]);
    // The first byte of an endless answer comes.
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /hangs-within HTTP/1.1\r\nHost: a\r\nX-API-Key: Hello\r\n\r\n")
        .unwrap();
    let mut got = Vec::new();
    until("the first piece", || {
        let mut some = [0; 1024];
        let bytes = stream.read(&mut some).unwrap();
        assert_ne!(bytes, 0, "{}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&some[..bytes]);
        got.ends_with(b"\r\n1\r\nx\r\n").then_some(())
    });

    let body = tempfile::NamedTempFile::new().unwrap();
    body.as_file().set_len(300_000).unwrap();
    let data = format!("@{}", body.path().display());
    for arguments in [
        &["--data-binary", &data][..],
        &["--data-binary", &data, "-H", "Transfer-Encoding: chunked"],
    ] {
        let counted = gateway.fetch("World", "/count", arguments);
        assert_eq!((counted.status, &*counted.body), (200, "300000"), "{counted:?}");
    }
}

#[test]
fn what_is_under_way_ends_before_the_gateway_does() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::with_example_keys(&upstream);
    let gateway = place.start(&["--bandwidth", "200KB"]);
    let url = gateway.url("/bytes/100000");
    let client = std::thread::spawn(move || curl::fetch("World", &url, &[]));
    until("the request is under way", || (upstream.requests() == 1).then_some(()));
    let said = gateway.stop();
    let fetched = client.join().unwrap();
    assert_eq!(
        (fetched.exit, fetched.status, fetched.downloaded),
        (0, 200, 100_000),
        "{fetched:?}"
    );
    assert_eq!(of_key(&said, "internal")["sent_bytes"], 100_000);

    // What does not end is cut, and counted.
    let gateway = place.start(&["--drain-timeout-seconds", "0.2"]);
    let url = gateway.url("/hangs-within");
    let client = std::thread::spawn(move || curl::fetch("World", &url, &[]));
    until("the request is under way", || (upstream.requests() == 2).then_some(()));
    gateway.stop();
    let fetched = client.join().unwrap();
    assert_ne!(fetched.exit, 0, "{fetched:?}");
    let report = report(&place.state(), &["outcome"], &["key=internal"]);
    let outcomes: Vec<_> = report
        .rows
        .iter()
        .map(|row| (&*row.group[0], row.amounts.calls))
        .collect();
    assert_eq!(outcomes, [("aborted", 1), ("complete", 1)]);
}
