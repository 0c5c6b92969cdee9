//! The usage log: every request that was charged, once, however it ended; and reports of it beside the running hub.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Hub, fits, hub, until};

const REPORT: &str = "/api/v1/usage/report";

/// The report as CSV, without its header.
async fn rows(hub: &Hub, query: &str) -> Vec<String> {
    let reply = hub.get(&format!("{REPORT}?format=csv&{query}")).send().await;
    assert_eq!(reply.status, 200, "{query}: {reply}");
    reply.text().lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_request_is_one_record() {
    let hub = hub().start().await;
    let key = hub.new_key("ci", &["--scope", "write"]).await;
    let before = rows(&hub, "group_by=key,status&where=key=ci,route!=/nothing").await;
    for (request, body, client) in [
        ("POST /m", "help", "a"),
        ("PUT /m", "12.5", "a"),
        ("PUT /m", "no number", "b"),
        ("GET /m", "", "b"),
        ("DELETE /m", "", ""),
    ] {
        let (method, target) = request.split_once(' ').unwrap();
        let request = hub
            .request(method, target)
            .key(&key)
            .body(body)
            .header("x-client-id", client);
        request.send().await;
    }
    assert!(before.len() <= 1, "{before:?}");
    let report = rows(
        &hub,
        "group_by=client,method,route,status,outcome&where=key=ci&where=route=/%7Bmetric%7D",
    )
    .await;
    let lines: Vec<&String> = report
        .iter()
        .filter(|line| !line.contains("/nothing") && !line.starts_with(",GET"))
        .collect();
    let expected = [
        ",DELETE,/{metric},204,complete,1,…,…,0,0,…",
        "a,POST,/{metric},201,complete,1,…,…,4,7,…",
        "a,PUT,/{metric},204,complete,1,…,…,4,0,…",
        "b,GET,/{metric},403,complete,1,…,…,0,32,…",
        "b,PUT,/{metric},400,complete,1,…,…,9,28,…",
    ];
    assert!(
        lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, expected)| fits(line, expected)),
        "{lines:?}"
    );
}

/// The operator of hundreds of workers finds the one with the old key.
#[tokio::test]
async fn who_is_refused_for_a_key_is_in_the_log_as_nobody_from_where_they_are() {
    let hub = hub().start().await;
    hub.put("/m").key("an old key of somebody's").body("5").send().await;
    hub.put("/m").no_key().body("5").send().await;
    hub.get("/nothing/at/all").key("an old key of somebody's").send().await;
    let report = rows(&hub, "group_by=client,method,route,key&where=status=401").await;
    assert_eq!(report.len(), 2, "{report:?}");
    assert!(fits(&report[0], "127.0.0.1,GET,none,,1,…"), "{report:?}");
    assert!(fits(&report[1], "127.0.0.1,PUT,/{metric},,2,…"), "{report:?}");
}

#[tokio::test]
async fn calls_and_bytes_of_the_log_are_those_of_the_usage() {
    let mut hub = hub().start().await;
    for n in 0..20 {
        hub.put(&format!("/m/inc?n={n}&__type__=counter")).send().await;
        hub.get("/__metrics").send().await;
    }
    hub.restart().await;
    let usage = hub.get("/api/v1/admin/usage").send().await.json();
    let used = |field: &str| usage["usage"][0][field].as_u64().unwrap();
    let used = ["api_requests", "ingress_bytes", "egress_bytes"].map(used);
    // The request for the usage itself came after what it tells.
    let report = rows(&hub, "where=route!=/api/v1/admin/usage").await;
    let numbers: Vec<u64> = report[0].split(',').map(|number| number.parse().unwrap()).collect();
    assert_eq!([numbers[0], numbers[3], numbers[4]], used, "{report:?} {usage}");
}

/// Each request on a connection of its own, ended by the hub, so that all of it is known here to the byte.
#[tokio::test]
async fn bytes_of_a_request_are_all_that_it_took() {
    for setup in [hub(), hub().plain()] {
        let hub = setup.start().await;
        hub.post("/m?__type__=counter").send().await;
        let chunked = format!(
            "PUT /m/add HTTP/1.1\r\nhost: hub\r\nconnection: close\r\nx-api-key: {}\r\ntransfer-encoding: chunked\r\n\r\n1\r\n4\r\n1\r\n2\r\n0\r\n\r\n",
            hub.key
        );
        let requests = [
            hub.put("/m/inc").header("x-client-id", "put").to_bytes(),
            hub.get("/m").header("x-client-id", "read").to_bytes(),
            hub.request("HEAD", "/m").header("x-client-id", "head").to_bytes(),
            hub.get("/nothing").header("x-client-id", "missing").to_bytes(),
            // The answer is chunked.
            hub.get("/__metrics").header("x-client-id", "scrape").to_bytes(),
            chunked.replacen("host", "x-client-id: chunked\r\nhost", 1).into_bytes(),
        ];
        let mut expected = Vec::new();
        for (client, request) in ["put", "read", "head", "missing", "scrape", "chunked"]
            .into_iter()
            .zip(requests)
        {
            let answer = hub.exchange(&request).await;
            expected.push(format!("{client},1,{},{},", request.len(), answer.len()));
        }
        expected.sort();
        let report = rows(&hub, "group_by=client&where=client!=").await;
        let is_same = report
            .iter()
            .zip(&expected)
            .all(|(row, expected)| row.starts_with(expected));
        assert!(is_same && report.len() == expected.len(), "{report:?} {expected:?}");
    }
}

/// Those that nobody is charged for, too, take nothing from their neighbours.
#[tokio::test]
async fn bytes_of_requests_on_one_connection_add_up_to_what_passed() {
    let hub = hub().plain().start().await;
    let request = |method: &str, target: &str, more: &str| {
        let key = &hub.key;
        format!("{method} {target} HTTP/1.1\r\nhost: hub\r\nx-api-key: {key}\r\n{more}\r\n")
    };
    // All at once: the second is there before the first is answered.
    let together = [
        request("GET", "/nothing", "x-client-id: all\r\n"),
        request("POST", "/m", "content-length: 4\r\nx-client-id: all\r\n") + "help",
        request("GET", "/__metrics", "x-client-id: all\r\n"),
        request(
            "PUT",
            "/m",
            "content-length: 1\r\nconnection: close\r\nx-client-id: all\r\n",
        ) + "7",
    ]
    .concat();
    let answers = hub.exchange(together.as_bytes()).await;
    let report = rows(&hub, "where=client=all").await;
    let expected = format!("4,{},{},5,", together.len(), answers.len());
    assert!(report[0].starts_with(&expected), "{report:?} {expected:?}");

    // One after the other, a stranger's in between.
    let mut stream = hub.connect().await;
    let mut took = Vec::new();
    for (client, key) in [("one", &*hub.key), ("", "wrong"), ("two", &*hub.key)] {
        let close = if client == "two" { "connection: close\r\n" } else { "" };
        let request =
            format!("GET /nothing HTTP/1.1\r\nhost: hub\r\nx-api-key: {key}\r\nx-client-id: {client}\r\n{close}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Each answer here is one line behind its head.
        while !fits(&String::from_utf8_lossy(&answer), "…\r\n\r\n…\n") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{answer:?}");
        }
        took.push(format!("{client},1,{},{},", request.len(), answer.len()));
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    let report = rows(&hub, "group_by=client&where=client!=,client!=all,key!=").await;
    assert!(
        report.len() == 2 && report[0].starts_with(&took[0]) && report[1].starts_with(&took[2]),
        "{report:?} {took:?}"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_is_logged_as_one() {
    let hub = hub().plain().start().await;
    let mut stream = hub.connect().await;
    let half = format!(
        "POST /api/v1/batch HTTP/1.1\r\nhost: hub\r\nx-api-key: {}\r\ncontent-length: 1000\r\n\r\n[{{\"op\":",
        hub.key
    );
    stream.write_all(half.as_bytes()).await.unwrap();
    drop(stream);
    let found = until("its record", async || {
        let report = rows(&hub, "group_by=status,outcome&where=route=/api/v1/batch").await;
        (!report.is_empty()).then_some(report)
    })
    .await;
    // Whether it was answered before its end was noticed, or not.
    let bytes = half.len();
    let aborted =
        fits(&found[0], &format!("0,aborted,1,{bytes},0,7,0,…")) || fits(&found[0], &format!("400,…,1,{bytes},…,7,…"));
    assert!(found.len() == 1 && aborted, "{found:?}");
}

#[tokio::test]
async fn records_outlive_kill_9() {
    let mut hub = hub().start().await;
    for _ in 0..10 {
        hub.get("/nothing").send().await;
    }
    // A report has what waits stored.
    let count = async |hub: &Hub| rows(hub, "where=route=/%7Bmetric%7D").await;
    let before = count(&hub).await;
    assert!(before[0].starts_with("10,"), "{before:?}");
    hub.crash().await;
    assert_eq!(count(&hub).await, before);
}

#[tokio::test]
async fn reports_are_asked_for_as_the_answer_says() {
    let hub = hub().start().await;
    hub.get("/nothing").send().await;
    for (query, expected) in [
        ("", "200 …\"bytes_in\":…\"calls\":…"),
        ("?window=1s&group_by=key", "200 …\"key\":\"admin\",…\"window\":\"2…"),
        ("?window=7s", "400 window: …\n"),
        ("?window=15m&from=-24h&to=now", "200 …"),
        ("?window=1w&where=status=4xx&group_by=status_class", "200 …\"4xx\"…"),
        ("?where=status=5xx", "200 …"),
        ("?where=status=abc", "400 where: status is never \"abc\": …\n"),
        (
            "?where=status=200&where=status=404",
            "400 where: no record can be both …\n",
        ),
        ("?where=outcome=fine", "400 where: …\n"),
        ("?from=now&to=-1h", "400 to: …\n"),
        ("?order=key", "400 order: …\n"),
        ("?group_by=colour", "400 group-by: …colour…\n"),
        ("?where=status", "400 where: …\n"),
        ("?zone=Nowhere", "400 zone: …\n"),
        ("?window=1mo&anchor_day=0", "400 anchor-day: \"0\" …1 to 31\n"),
        ("?window=1mo&anchor_day=32", "400 anchor-day: \"32\" …1 to 31\n"),
        ("?window=1mo&anchor_day=first", "400 anchor-day: …\n"),
        ("?window=1mo&anchor_day=1&anchor_day=2", "400 …anchor_day…\n"),
        ("?window=1d&anchor_day=15", "400 anchor-day: …1mo\n"),
        ("?anchor_day=15", "400 anchor-day: …1mo\n"),
        ("?from=soon", "400 from: …\n"),
        ("?limit=0", "400 limit …\n"),
        ("?format=xml", "400 format: …\n"),
        ("?windows=1s", "400 unknown parameter \"windows\"…\n"),
    ] {
        hub.check(&format!("GET {REPORT}{query}"), "", expected).await;
    }
    let yesterday = (jiff::Timestamp::now() - Duration::from_secs(86_400))
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let day = yesterday.day();
    let by_anchor = rows(&hub, &format!("window=1mo&anchor_day={day}")).await;
    assert!(
        fits(&by_anchor[0], &format!("{yesterday}T00:00:00+00:00,…")),
        "{by_anchor:?}"
    );
    let client = hub.new_key("client", &[]).await;
    assert_eq!(hub.get(REPORT).key(&client).send().await.status, 403);
    // The command reads the same beside the running hub.
    let said = hub
        .setup
        .command_line(&[
            "usage",
            "report",
            "--state",
            "state",
            "--group-by",
            "key",
            "--format",
            "csv",
        ])
        .await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.output.starts_with("key,calls,") && said.output.contains("\nadmin,"),
        "{said:?}"
    );
    let asked = format!("usage report --state state --window 1mo --format csv --anchor-day {day}");
    let asked: Vec<&str> = asked.split(' ').collect();
    let said = hub.setup.command_line(&asked).await;
    assert!(
        said.output.contains(&format!("\n{yesterday}T00:00:00+00:00,")),
        "{said:?}"
    );
    for wrong in [
        "--window 7s",
        "--where status=abc",
        "--window 1mo --anchor-day 32",
        "--window 1mo --anchor-day -1",
        "--anchor-day 15",
    ] {
        let asked: Vec<&str> = ["usage", "report"].into_iter().chain(wrong.split(' ')).collect();
        let said = hub.setup.command_line(&asked).await;
        assert_eq!(said.code, Some(64), "{wrong}: {said:?}");
    }
}

#[tokio::test]
async fn without_a_usage_log_nothing_is_written() {
    let hub = hub().config("usage_log: { enabled: false }").start().await;
    hub.check(
        &format!("GET {REPORT}"),
        "",
        "404 this hub keeps no usage log (usage_log.enabled)\n",
    )
    .await;
    hub.check("GET /__metrics?prefix=metric_nexus_usage_log", "", "200")
        .await;
}

#[tokio::test]
async fn what_is_kept_of_requests_is_for_the_owner_alone() {
    let hub = hub().start().await;
    hub.get("/nothing").send().await;
    for name in [
        "usage.db",
        "usage.db-wal",
        "usage-log.db",
        "usage-log.db-wal",
        "usage-log.db.lock",
    ] {
        let mode = std::fs::metadata(hub.state().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
