//! What limits hold up: in the month, in a second, and in bandwidth.

use nexus_usage::Amount;

use crate::{
    accounting::{key, used},
    curl::Fetched,
    is_ready,
    process::{Gateway, Place, of_key},
    until,
    upstream::Upstream,
};

#[track_caller]
fn check(gateway: &Gateway, path: &str, arguments: &[&str], status: u16) -> Fetched {
    let fetched = gateway.fetch("Hello", path, arguments);
    assert_eq!(fetched.status, status, "{path} {fetched:?}");
    if status == 429 {
        let seconds = fetched.retry_after.expect("it is said when to come again");
        assert!((1..=31 * 24 * 60 * 60).contains(&seconds), "{fetched:?}");
    }
    fetched
}

#[test]
fn a_limit_on_requests_is_kept_to_the_request() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::new(&upstream, &key("    monthly: { requests: 3 }"));
    let gateway = place.start(&[]);
    check(&gateway, "/bytes/1", &[], 200);
    check(&gateway, "/status/500", &[], 500);
    check(&gateway, "/bytes/1", &[], 200);
    check(&gateway, "/bytes/1", &[], 429);
    let said = gateway.stop();
    assert_eq!(of_key(&said, "k")["refused"], 1);
    assert_eq!(upstream.requests(), 3, "what is refused is not passed on");

    // Another gateway goes on where this one ended.
    let gateway = place.start(&[]);
    check(&gateway, "/bytes/1", &[], 429);
    assert_eq!(
        used(&place.state()),
        Amount {
            api_requests: 3,
            egress_bytes: 2,
            ingress_bytes: 0
        }
    );
}

#[test]
fn a_limit_on_bytes_sent_is_kept_to_the_byte() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::new(&upstream, &key("    monthly: { egress_bytes: 1000 }"));
    let gateway = place.start(&["--overrun-bytes", "0"]);
    check(&gateway, "/bytes/600", &[], 200);
    check(&gateway, "/bytes/600", &[], 429);
    check(&gateway, "/bytes/399", &[], 200);
    // Its length is not known beforehand: it ends where it would be too long, with or without a head.
    let cut = gateway.fetch("Hello", "/stream/1", &[]);
    assert!(cut.exit != 0 && cut.downloaded == 0, "{cut:?}");
    check(&gateway, "/bytes/1", &[], 200);
    check(&gateway, "/bytes/0", &[], 429);
    gateway.stop();
    assert_eq!(used(&place.state()).egress_bytes, 1000);
}

#[test]
fn a_limit_on_bytes_received_is_kept_to_the_byte() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::new(&upstream, &key("    monthly: { ingress_bytes: 1000 }"));
    let gateway = place.start(&["--overrun-bytes", "0"]);
    let body = |bytes: usize| "x".repeat(bytes);
    check(&gateway, "/count", &["--data", &body(600)], 200);
    check(&gateway, "/count", &["--data", &body(600)], 429);
    check(
        &gateway,
        "/count",
        &["--data", &body(600), "-H", "Transfer-Encoding: chunked"],
        429,
    );
    check(&gateway, "/bytes/1", &[], 200);
    check(&gateway, "/count", &["--data", &body(400)], 200);
    check(&gateway, "/count", &["--data", &body(1)], 429);
    gateway.stop();
    assert_eq!(used(&place.state()).ingress_bytes, 1000);
}

#[test]
fn a_limit_on_requests_a_second_is_kept() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let gateway = Place::new(&upstream, &key("    requests_per_second: 1")).start(&[]);
    let refused = until("too many requests", || {
        let fetched = gateway.fetch("Hello", "/bytes/1", &[]);
        (fetched.status == 429).then_some(fetched)
    });
    assert_eq!(refused.retry_after, Some(1), "{refused:?}");
}

#[test]
fn a_slow_key_is_slowed_and_no_other() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let slow = key("    connection_bandwidth: 64KiB/s\n");
    let fast = "  - name: fast\n    sha256: 78ae647dc5544d227130a0682a51e30bc7777fbb6d8a8f17007463a3ecd1d524\n";
    let gateway = Place::new(&upstream, &(slow + fast)).start(&[]);
    let upload = "z".repeat(16 << 10);
    for key in ["Hello", "World"] {
        assert_eq!(gateway.fetch(key, "/bytes/32768", &[]).downloaded, 32_768);
        assert_eq!(gateway.fetch(key, "/count", &["--data", &upload]).body, "16384");
    }
    let said = gateway.stop();
    let figures = |key: &str, name: &str| of_key(&said, key)[name].as_u64().unwrap();
    for key in ["k", "fast"] {
        assert_eq!(
            (figures(key, "sent_bytes"), figures(key, "received_bytes")),
            (32_768 + 5, 16_384),
            "{said:?}"
        );
    }
    assert!(figures("k", "waits") > 0, "{said:?}");
    assert_eq!(figures("fast", "waits"), 0, "{said:?}");
}
