//! Every way says what NGINX's own log says, second by second.

use super::{
    configuration::Queue,
    eventually, has_nginx,
    hub::{FILE, LUA, Metered, UDP, UNIX, text},
    load::{self, Load, Received},
    requests,
    seconds::{Seconds, short_of, total},
    server::Nginx,
    so,
    wrk::{self, Wrk},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_way_says_what_nginx_says_and_what_the_clients_received() {
    if !has_nginx(&[]) {
        return;
    }
    check("clients that know what they received", async |_, nginx| {
        let load = Load::start(nginx, requests());
        nginx.has_logged(requests() / 2).await;
        nginx.rotate();
        (load.end().await, 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_says_what_nginx_says_under_wrk() {
    if !has_nginx(&["wrk"]) {
        return;
    }
    check("wrk", async |hub, nginx| {
        let load = Wrk::start(&hub.place, nginx.port);
        nginx.has_logged(requests() / 2).await;
        nginx.rotate();
        nginx.has_logged(requests()).await;
        // It goes away in the middle of requests, which NGINX logs as what they are: some of their bytes, or none.
        (load.end(&hub.place).await, wrk::CONNECTIONS)
    })
    .await;
}

/// Under a load that rotates the log, received so much, and broke off at most so many calls.
async fn check(what: &str, load: impl AsyncFnOnce(&Metered, &Nginx) -> (Received, u64)) {
    let hub = Metered::start().await;
    let nginx = Nginx::start(&hub, Queue::Ample).await;
    // The first and the last numbers show whether those between are missing.
    let first = Load::start_paced(&nginx, 8).end().await;
    let (received, broken_off) = load(&hub, &nginx).await;
    let last = Load::start_paced(&nginx, 8).end().await;
    let stats = nginx.stats().await;
    assert_eq!(stats["dropped_full"], 0, "the queue was full: {stats:?}");
    // It is logged by a worker that is ending already.
    let port = nginx.port;
    let slow = tokio::spawn(async move { load::get(port, "/slow").await.unwrap() });
    nginx.service.is_answering_slowly().await;
    nginx.quit().await;
    let own = nginx.own_log();
    let received = first + received + last + slow.await.unwrap();
    let (calls, bytes) = total(&own);
    if broken_off == 0 {
        assert_eq!(
            (calls, bytes),
            (received.calls, received.bytes),
            "what the clients received"
        );
    } else {
        let logged = received.calls..=received.calls + broken_off;
        assert!(logged.contains(&calls), "{calls} calls in the log, {received:?}");
        assert!(bytes >= received.bytes, "{bytes} bytes in the log, {received:?}");
    }
    for source in [LUA, FILE] {
        hub.has(source, calls).await;
        assert_eq!(hub.seconds(source).await, own, "{source}");
    }
    let missing_udp = all_but_missing(&hub, &own, UDP, &hub.udp).await;
    let missing_unix = all_but_missing(&hub, &own, UNIX, text(&hub.unix)).await;
    let log = text(&hub.log);
    assert_eq!(
        hub.of_source("file_changes_total", log, &[("change", "rotation")])
            .await,
        1
    );
    assert_eq!(hub.of_source("lines_total", log, &[("fate", "recorded")]).await, calls);
    let repeated = repeats_count_once(&hub).await;
    eprintln!(
        "{what}: {calls} calls, {bytes} bytes, {} seconds: the same by Lua and file; {repeated} lines came twice; \
         missing by udp {missing_udp}, by unix {missing_unix}",
        own.len()
    );
    assert_eq!(nginx.errors(), Vec::<String>::new());
}

/// How many lines by syslog are missing, each of which the hub knows to be so.
async fn all_but_missing(hub: &Metered, own: &Seconds, source: &str, address: &str) -> u64 {
    let (calls, _) = total(own);
    eventually(
        &format!("{source} has all {calls} calls but those that it misses"),
        async || {
            let missing = hub.of_source("missing", address, &[]).await;
            let dropped = hub.of_source("lines_total", address, &[("fate", "dropped")]).await;
            let seconds = hub.seconds(source).await;
            let (known, _) = total(&seconds);
            so(known + missing + dropped == calls, (known, missing, dropped))?;
            assert_eq!(short_of(own, &seconds), missing + dropped, "{source}");
            Ok(missing + dropped)
        },
    )
    .await
}

/// How many lines came by syslog that the followed log has, too: they are known, and differ in nothing.
async fn repeats_count_once(hub: &Metered) -> u64 {
    let recorded = hub
        .of_source("lines_total", &hub.repeated, &[("fate", "recorded")])
        .await;
    let duplicate = hub
        .metric("metric_nexus_usage_log_records_total", &[("fate", "duplicate")])
        .await;
    let conflicts = hub
        .metric("metric_nexus_usage_log_dropped_total", &[("reason", "conflict")])
        .await;
    // What the Lua module posted again is among them.
    assert!(recorded > 0 && duplicate >= recorded, "{recorded} {duplicate}");
    assert_eq!(conflicts, 0);
    recorded
}
