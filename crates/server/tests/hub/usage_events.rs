//! Usage of other services: posted, received by syslog, followed in files; whatever comes twice counts once.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

use tokio::net::{UdpSocket, UnixDatagram};

use crate::harness::{Hub, hub, until};

const EVENTS: &str = "POST /api/v1/usage/events";

/// Calls and bytes of a service.
async fn sums(hub: &Hub, service: &str) -> Option<(u64, u64)> {
    let query = format!("/api/v1/usage/report?format=csv&where=service={service}");
    let reply = hub.get(&query).send().await;
    assert_eq!(reply.status, 200, "{reply}");
    let text = reply.text();
    let mut numbers = text.lines().nth(1)?.split(',').map(|number| number.parse().unwrap());
    Some((numbers.next().unwrap(), numbers.nth(1).unwrap()))
}

#[tokio::test]
async fn the_same_events_three_times_count_once() {
    let mut hub = hub().start().await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let events: String = (0..500)
        .map(|n| format!("{{\"id\":\"e{n}\",\"key\":\"acme\",\"service\":\"tiles\",\"status\":200,\"bytes_out\":{n},\"time\":{now}}}\n"))
        .collect();
    hub.check(EVENTS, &events, "200 {\"events\":500,\"stored\":500,\"duplicate\":0,…")
        .await;
    hub.check(EVENTS, &events, "200 {\"events\":500,\"stored\":0,\"duplicate\":500,…")
        .await;
    hub.crash().await;
    hub.check(EVENTS, &events, "200 {\"events\":500,\"stored\":0,\"duplicate\":500,…")
        .await;
    assert_eq!(sums(&hub, "tiles").await, Some((500, (0..500).sum())));
    // Another key has ids of its own.
    let other = hub.new_key("other", &["--scope", "usage"]).await;
    let reply = hub.post("/api/v1/usage/events").key(&other).body(&events).send().await;
    assert!(
        reply.line().starts_with("200 {\"events\":500,\"stored\":500,"),
        "{reply}"
    );
}

#[tokio::test]
async fn what_is_no_event_is_named_and_nothing_is_stored() {
    let hub = hub().start().await;
    let good = "{\"id\":\"1\",\"service\":\"tiles\"}";
    for (body, expected) in [
        ("{}", "400 …item 0: …\n"),
        ("nonsense", "400 …"),
        ("{\"id\":\"2\",\"status\":\"often\"}", "400 …status…\n"),
        ("{\"id\":\"2\",\"bytes_out\":-1}", "400 …bytes_out…\n"),
        ("[", "400 …"),
    ] {
        hub.check(
            EVENTS,
            format!("{good}\n{body}").replace("{}", "{\"id\":\"\"}"),
            if body == "{}" { "400 …item 1: …\n" } else { expected },
        )
        .await;
    }
    let reply = hub
        .post("/api/v1/usage/events")
        .header("content-type", "image/png")
        .body(good)
        .send()
        .await;
    assert_eq!(reply.status, 415, "{reply}");
    let reader = hub.new_key("reader", &["--scope", "read"]).await;
    assert_eq!(
        hub.post("/api/v1/usage/events")
            .key(&reader)
            .body(good)
            .send()
            .await
            .status,
        403
    );
    assert_eq!(sums(&hub, "tiles").await, None);
}

#[tokio::test]
async fn access_logs_are_followed_and_syslog_is_received() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = hub();
    let log = setup.path("usage.log");
    let line = |id: &str, service: &str, bytes: u64| {
        format!("{{\"id\":\"{id}\",\"service\":\"{service}\",\"status\":200,\"bytes_out\":{bytes}}}\n")
    };
    fs::write(&log, line("a", "files", 10)).unwrap();
    let nowhere = setup.path("nowhere/socket").display().to_string();
    let socket_path = setup.path("syslog.sock");
    let config = format!(
        "usage_log: {{ follow: ['{}'], syslog: ['{free}', '{}', '{nowhere}'] }}",
        log.display(),
        socket_path.display()
    );
    let mut hub = setup.config(&config).start().await;
    until("the first line", async || {
        (sums(&hub, "files").await == Some((1, 10))).then_some(())
    })
    .await;
    hub.crash().await;
    let mut file = fs::File::options().append(true).open(&log).unwrap();
    file.write_all(line("b", "files", 5).as_bytes()).unwrap();
    until("the second, and no more", async || {
        (sums(&hub, "files").await == Some((2, 15))).then_some(())
    })
    .await;

    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let datagram = format!("<190>Nov 21 10:00:00 host nginx: {}", line("c", "lines", 7).trim_end());
    until("a datagram", async || {
        // The same one again counts once.
        socket.send_to(datagram.as_bytes(), free).await.unwrap();
        (sums(&hub, "lines").await == Some((1, 7))).then_some(())
    })
    .await;
    let socket = UnixDatagram::unbound().unwrap();
    let datagram = format!("<190>Nov 21 10:00:00 nginx: {}", line("d", "local", 3).trim_end());
    until("a datagram on the unix socket", async || {
        // Until the hub has made it, there is none to send to.
        drop(socket.send_to(datagram.as_bytes(), &socket_path).await);
        (sums(&hub, "local").await == Some((1, 3))).then_some(())
    })
    .await;
    let mode = fs::metadata(&socket_path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666, "workers of another user write to it");

    let metrics = hub
        .get("/__metrics?prefix=metric_nexus_usage_log_source")
        .send()
        .await
        .text();
    let (free, log) = (free.to_string(), log.display().to_string());
    for (kind, source, up) in [("syslog", &free, 1), ("syslog", &nowhere, 0), ("follow", &log, 1)] {
        let line = format!("_up{{kind=\"{kind}\",source=\"{source}\"}} {up}\n");
        assert!(metrics.contains(&line), "{line} {metrics}");
    }
    for (family, labels, value) in [
        (
            "lines_total",
            format!("fate=\"malformed\",kind=\"syslog\",source=\"{free}\""),
            0,
        ),
        ("behind_bytes", format!("kind=\"follow\",source=\"{log}\""), 0),
        ("missing", format!("kind=\"syslog\",source=\"{free}\""), 0),
        (
            "file_changes_total",
            format!("change=\"rotation\",kind=\"follow\",source=\"{log}\""),
            0,
        ),
    ] {
        let line = format!("_{family}{{{labels}}} {value}\n");
        assert!(metrics.contains(&line), "{line} {metrics}");
    }
}
