//! What Prometheus gets: formats, compression, filters, names, and the hub's own metrics.

use nexus_metric::{
    Kind,
    text::{Document, Format, Value, parse},
};

use crate::harness::{Hub, hub, request::Reply};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Scrapes, and reads what comes by the letter of its format.
async fn scrape(hub: &Hub, target: &str, accept: &str) -> (Reply, Document) {
    let reply = hub.get(target).header("accept", accept).send().await;
    assert_eq!(reply.status, 200, "{target}: {reply}");
    let open = reply
        .header("content-type")
        .unwrap()
        .starts_with("application/openmetrics-text");
    let format = if open { Format::OpenMetrics } else { Format::Prometheus };
    let body = reply.text();
    let document = parse(format, &reply.body).unwrap_or_else(|error| panic!("{error}:\n{body}"));
    assert_eq!(body.ends_with("# EOF\n"), open);
    for keyword in ["# TYPE ", "# HELP "] {
        let mut names: Vec<&str> = body
            .lines()
            .filter_map(|line| line.strip_prefix(keyword)?.split(' ').next())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{body}");
    }
    (reply, document)
}

/// What a scrape of some families says, to the byte.
async fn check(hub: &Hub, target: &str, accept: &str, expected: &str) {
    let (reply, _) = scrape(hub, target, accept).await;
    assert_eq!(reply.text(), expected, "{target} {accept}");
}

/// A metric of every kind and with every odd value and label.
async fn odd() -> Hub {
    let hub = hub().start().await;
    hub.batch(
        r#"[{"op":"set","metric":"t_gauge","value":"NaN","help":"A \\ \"gauge\"\nof two lines é.","type":"gauge"},
            {"op":"set","metric":"t_gauge","labels":{"a":"q\"b\\s\nn","b":"é"},"value":"+Inf"},
            {"op":"set","metric":"t_gauge","labels":{"b":"="},"value":-0.0},
            {"op":"add","metric":"t_jobs_total","labels":{"queue":"mail"},"value":3,"type":"counter","help":"Jobs."},
            {"op":"add","metric":"t_plain","value":1e21,"type":"counter"},
            {"op":"observe","metric":"t_took_seconds","value":0.5,"buckets":[0.1,1,10],"type":"histogram","unit":"seconds"},
            {"op":"observe","metric":"t_took_seconds","labels":{"queue":"mail"},"value":20},
            {"op":"set","metric":"t_untyped","value":1.5e-7,"type":"untyped"},
            {"op":"create","metric":"t_emptied"},
            {"op":"delete","metric":"t_emptied","labels":{}}]"#,
    )
    .await;
    hub
}

#[tokio::test]
async fn every_kind_is_exposed_in_the_classic_format() {
    let hub = odd().await;
    let expected = r#"# HELP t_gauge A \\ "gauge"\nof two lines é.
# TYPE t_gauge gauge
t_gauge NaN
t_gauge{a="q\"b\\s\nn",b="é"} +Inf
t_gauge{b="="} -0
# HELP t_jobs_total Jobs.
# TYPE t_jobs_total counter
t_jobs_total{queue="mail"} 3
# TYPE t_plain counter
t_plain 1e+21
# TYPE t_took_seconds histogram
t_took_seconds_bucket{le="0.1"} 0
t_took_seconds_bucket{le="1.0"} 1
t_took_seconds_bucket{le="10.0"} 1
t_took_seconds_bucket{le="+Inf"} 1
t_took_seconds_sum 0.5
t_took_seconds_count 1
t_took_seconds_bucket{queue="mail",le="0.1"} 0
t_took_seconds_bucket{queue="mail",le="1.0"} 0
t_took_seconds_bucket{queue="mail",le="10.0"} 0
t_took_seconds_bucket{queue="mail",le="+Inf"} 1
t_took_seconds_sum{queue="mail"} 20
t_took_seconds_count{queue="mail"} 1
# TYPE t_untyped untyped
t_untyped 1.5e-07
"#;
    check(&hub, "/__metrics?prefix=t_", "text/plain", expected).await;
}

/// A counter `x_total` is announced as `x`; a counter without `_total` is of unknown type under its exact name.
#[tokio::test]
async fn every_kind_is_exposed_in_openmetrics() {
    let hub = odd().await;
    let expected = r#"# HELP t_gauge A \\ \"gauge\"\nof two lines é.
# TYPE t_gauge gauge
t_gauge NaN
t_gauge{a="q\"b\\s\nn",b="é"} +Inf
t_gauge{b="="} -0
# HELP t_jobs Jobs.
# TYPE t_jobs counter
t_jobs_total{queue="mail"} 3
# TYPE t_plain unknown
t_plain 1e+21
# TYPE t_took_seconds histogram
# UNIT t_took_seconds seconds
t_took_seconds_bucket{le="0.1"} 0
t_took_seconds_bucket{le="1.0"} 1
t_took_seconds_bucket{le="10.0"} 1
t_took_seconds_bucket{le="+Inf"} 1
t_took_seconds_sum 0.5
t_took_seconds_count 1
t_took_seconds_bucket{queue="mail",le="0.1"} 0
t_took_seconds_bucket{queue="mail",le="1.0"} 0
t_took_seconds_bucket{queue="mail",le="10.0"} 0
t_took_seconds_bucket{queue="mail",le="+Inf"} 1
t_took_seconds_sum{queue="mail"} 20
t_took_seconds_count{queue="mail"} 1
# TYPE t_untyped unknown
t_untyped 1.5e-07
# EOF
"#;
    check(&hub, "/__metrics?prefix=t_", "application/openmetrics-text", expected).await;
}

#[tokio::test]
async fn the_format_is_what_the_scraper_prefers() {
    let hub = odd().await;
    for (accept, expected) in [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("application/openmetrics-text", OPEN),
        // Prometheus 2.42.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPEN,
        ),
        (
            "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1",
            TEXT,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.3",
            TEXT,
        ),
    ] {
        for target in ["/__metrics", "/metrics", "/metrics/", "/__metrics/"] {
            let (reply, document) = scrape(&hub, target, accept).await;
            assert_eq!(reply.header("content-type"), Some(expected), "{accept}");
            assert_eq!(reply.header("content-encoding"), None);
            assert!(document.families.iter().any(|family| family.name.as_str() == "t_gauge"));
        }
        let head = hub.request("HEAD", "/__metrics").header("accept", accept).send().await;
        assert_eq!((head.status, head.header("content-type")), (200, Some(expected)));
        assert_eq!(head.body, b"");
    }
}

#[tokio::test]
async fn a_compressed_scrape_is_the_same() {
    let hub = hub().start().await;
    // More than a few chunks of it.
    let series: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"op":"set","metric":"big","labels":{{"number":"{n:06}"}},"value":{n},"type":"gauge"}}"#))
        .collect();
    hub.batch(series.join("\n")).await;
    for accept in ["text/plain", "application/openmetrics-text"] {
        let (plain, document) = scrape(&hub, "/__metrics?prefix=big", accept).await;
        assert!(plain.body.len() > 500_000);
        assert_eq!(document.families[0].metrics.len(), 20_000);
        for (accepted, encoding) in [
            ("gzip", "gzip"),
            ("zstd", "zstd"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd;q=0.5, gzip", "gzip"),
            ("*", "gzip"),
        ] {
            let request = hub.get("/__metrics?prefix=big").header("accept", accept);
            let reply = request.header("accept-encoding", accepted).send().await;
            assert_eq!(reply.header("content-encoding"), Some(encoding), "{accepted}");
            assert_eq!(reply.header("content-type"), plain.header("content-type"));
            assert_eq!(reply.header("vary"), Some("accept, accept-encoding"));
            assert!(reply.body.len() < plain.body.len() / 3, "{}", reply.body.len());
            assert!(reply.decoded() == plain.body, "{accepted}");
        }
        for accepted in ["", "identity", "br", "gzip;q=0"] {
            let request = hub.get("/__metrics?prefix=big").header("accept", accept);
            let reply = request.header("accept-encoding", accepted).send().await;
            assert_eq!(reply.header("content-encoding"), None, "{accepted}");
            assert!(reply.body == plain.body, "{accepted}");
        }
    }
}

#[tokio::test]
async fn a_scrape_can_be_narrowed() {
    let hub = odd().await;
    for (query, expected) in [
        ("prefix=t_g", &["t_gauge"][..]),
        ("prefix=t_took&prefix=t_g", &["t_gauge", "t_took_seconds"]),
        ("prefix=nothing", &[]),
        ("match[]=t_plain&match[]=t_untyped", &["t_plain", "t_untyped"]),
        ("match[]=t_took_seconds_bucket", &["t_took_seconds"]),
        ("match[]={queue=%22mail%22}", &["t_jobs_total", "t_took_seconds"]),
        (
            "prefix=t_&match[]={__name__=~%22.*e.*%22}",
            &["t_gauge", "t_took_seconds", "t_untyped"],
        ),
        (
            "match[]=metric_nexus_writes_total{outcome=%22applied%22}",
            &["metric_nexus_writes_total"],
        ),
    ] {
        for accept in ["text/plain", "application/openmetrics-text"] {
            let (_, document) = scrape(&hub, &format!("/__metrics?{query}"), accept).await;
            let names: Vec<&str> = document.families.iter().map(|family| family.name.as_str()).collect();
            assert_eq!(names, expected, "{query}");
        }
    }
    let only_mail = "# TYPE t_jobs_total counter\nt_jobs_total{queue=\"mail\"} 3\n";
    check(
        &hub,
        "/__metrics?match[]=t_jobs_total{queue=%22mail%22}",
        "text/plain",
        &format!("# HELP t_jobs_total Jobs.\n{only_mail}"),
    )
    .await;
    check(
        &hub,
        "/__metrics?match[]=t_jobs_total{queue=%22print%22}",
        "text/plain",
        "",
    )
    .await;
}

/// In the original such a description was exposed as it was, and Prometheus refused the whole scrape.
#[tokio::test]
async fn a_description_that_is_not_utf_8_is_refused() {
    let hub = hub().start().await;
    hub.check("POST /m", b"caf\xe9", "400 the description is not UTF-8\n")
        .await;
    hub.check(
        "POST /m?__help__=caf%e9",
        "",
        "400 the query is not percent-encoded UTF-8\n",
    )
    .await;
    hub.check("GET /m", "", "404 …").await;
    hub.check("POST /m", "café \u{7f} \t \r \u{85} \u{2028} \u{feff}", "201 Created")
        .await;
    hub.check("POST /controls", "\u{1} \u{0}", "201 Created").await;
    scrape(&hub, "/__metrics", "text/plain").await;
    scrape(&hub, "/__metrics", "application/openmetrics-text").await;
}

#[tokio::test]
async fn the_hub_s_own_metrics_are_among_them() {
    let hub = odd().await;
    hub.check("GET /nothing", "", "404 …").await;
    hub.get("/t_gauge").no_key().send().await;
    for accept in ["text/plain", "application/openmetrics-text"] {
        let (_, document) = scrape(&hub, "/__metrics", accept).await;
        let names: Vec<&str> = document.families.iter().map(|family| family.name.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        for (name, kind) in [
            ("metric_nexus_build_info", Kind::Gauge),
            ("metric_nexus_clients", Kind::Gauge),
            ("metric_nexus_series", Kind::Gauge),
            ("metric_nexus_families", Kind::Gauge),
            ("metric_nexus_read_only", Kind::Gauge),
            ("metric_nexus_changes_total", Kind::Counter),
            ("metric_nexus_http_requests_total", Kind::Counter),
            ("metric_nexus_http_request_duration_seconds", Kind::Histogram),
            ("metric_nexus_auth_failures_total", Kind::Counter),
            ("metric_nexus_process_cpu_seconds_total", Kind::Counter),
            ("metric_nexus_process_resident_memory_bytes", Kind::Gauge),
            ("metric_nexus_connections_open", Kind::Gauge),
        ] {
            let found = document.families.iter().find(|family| family.name.as_str() == name);
            let found = found.unwrap_or_else(|| panic!("{name} is not there: {names:?}"));
            assert_eq!((found.kind, found.help.is_empty()), (kind, false), "{name}");
        }
        assert_eq!(number(&document, "metric_nexus_series"), 8.0);
        assert_eq!(number(&document, "metric_nexus_families"), 6.0);
        assert_eq!(number(&document, "metric_nexus_auth_failures_total"), 1.0);
        assert!(
            names
                .iter()
                .all(|name| name.starts_with("t_") || name.starts_with("metric_nexus_")),
            "{names:?}"
        );
    }
}

/// The value of a family with one series.
fn number(document: &Document, name: &str) -> f64 {
    let found = document.families.iter().find(|family| family.name.as_str() == name);
    match found
        .unwrap_or_else(|| panic!("{name} is not there"))
        .metrics
        .as_slice()
    {
        [metric] => match metric.value {
            Value::Number(value) => value,
            _ => panic!("{name} is no number"),
        },
        _ => panic!("{name} has not one series"),
    }
}

#[tokio::test]
async fn clients_are_counted_by_key_and_id_and_over_a_restart() {
    let mut hub = hub().start().await;
    let clients = async |hub: &Hub| hub.value("/metric_nexus_clients").await;
    assert_eq!(clients(&hub).await, "1");
    let as_client = async |hub: &Hub, id: &str| {
        hub.get("/m").header("x-client-id", id).send().await;
        clients(hub).await
    };
    assert_eq!(as_client(&hub, "one").await, "2");
    assert_eq!(as_client(&hub, "one").await, "2");
    assert_eq!(as_client(&hub, "two").await, "3");
    assert_eq!(as_client(&hub, "").await, "3");
    // What is beyond 128 bytes does not tell clients apart.
    let long = "i".repeat(128);
    assert_eq!(as_client(&hub, &long).await, "4");
    assert_eq!(as_client(&hub, &format!("{long}x")).await, "4");
    let other = hub.new_key("other", &[]).await;
    assert_eq!(clients(&hub).await, "5");
    hub.get("/m").key(&other).header("x-client-id", "one").send().await;
    hub.get("/m").key("wrong").header("x-client-id", "never").send().await;
    hub.get("/-/ready").no_key().header("x-client-id", "never").send().await;
    assert_eq!(clients(&hub).await, "6");
    let (_, document) = scrape(&hub, "/__metrics", "text/plain").await;
    assert_eq!(number(&document, "metric_nexus_clients"), 6.0);
    hub.restart().await;
    assert_eq!(clients(&hub).await, "6");
    hub.check("PUT /metric_nexus_clients", "0", "403 …").await;
    hub.check("DELETE /metric_nexus_clients", "", "403 …").await;
    assert_eq!(clients(&hub).await, "6");
}

#[tokio::test]
async fn names_that_would_be_exposed_twice_are_refused() {
    let hub = hub().start().await;
    for (first, second) in [
        ("a_total?__type__=counter", "a"),
        ("b", "b_total?__type__=counter"),
        ("c_sum", "c?__type__=histogram"),
        ("d?__type__=histogram", "d_count"),
        ("e_bucket", "e?__type__=histogram"),
        ("f_total?__type__=counter", "f_created"),
        ("g?__type__=histogram", "g_created"),
    ] {
        hub.check(&format!("POST /{first}"), "", "201 Created").await;
        hub.check(&format!("POST /{second}"), "", "409 …would expose…\n").await;
        hub.check(&format!("PUT /{second}"), "1", "4…").await;
    }
    for first in ["h_sum", "i_total", "j_info"] {
        let base = first.split('_').next().unwrap();
        hub.check(&format!("POST /{first}"), "", "201 Created").await;
        hub.check(&format!("POST /{base}"), "", "201 Created").await;
    }
    scrape(&hub, "/__metrics", "text/plain").await;
    scrape(&hub, "/__metrics", "application/openmetrics-text").await;
}

#[tokio::test]
async fn names_in_utf_8_are_quoted_or_escaped_as_the_scraper_can() {
    let hub = hub().start().await;
    hub.batch(
        r#"[{"op":"set","metric":"my.größe","labels":{"a.b":"x","tété":"y"},"value":1,"type":"gauge","help":"H."},
            {"op":"inc","metric":"my.jobs_total","type":"counter"}]"#,
    )
    .await;
    let utf8 = r#"# HELP "my.größe" H.
# TYPE "my.größe" gauge
{"my.größe","a.b"="x","tété"="y"} 1
"#;
    let escaped = "# HELP my_gr__e H.\n# TYPE my_gr__e gauge\nmy_gr__e{a_b=\"x\",t_t_=\"y\"} 1\n";
    let counter_utf8 = "# TYPE \"my.jobs\" counter\n{\"my.jobs_total\"} 1\n# EOF\n";
    let counter_escaped = "# TYPE my_jobs counter\nmy_jobs_total 1\n# EOF\n";
    for (prefix, accept, expected) in [
        ("my.g", "text/plain", escaped),
        ("my.g", "text/plain;version=0.0.4;escaping=underscores", escaped),
        ("my.g", "text/plain;version=0.0.4;escaping=allow-utf-8", utf8),
        ("my.j", "application/openmetrics-text", counter_escaped),
        (
            "my.j",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
            counter_utf8,
        ),
    ] {
        check(&hub, &format!("/__metrics?prefix={prefix}"), accept, expected).await;
    }
    for escaping in ["allow-utf-8", "underscores", "dots", "values"] {
        for media in ["text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"] {
            let (reply, _) = scrape(&hub, "/__metrics", &format!("{media};escaping={escaping}")).await;
            let end = format!("; escaping={escaping}");
            assert!(reply.header("content-type").unwrap().ends_with(&end), "{reply}");
        }
    }
}

/// Otherwise one client could break every scrape of those who read no UTF-8 names.
#[tokio::test]
async fn names_that_escape_to_the_same_are_refused() {
    let hub = hub().start().await;
    hub.batch(r#"[{"op":"set","metric":"a.b","value":1,"type":"gauge"},{"op":"create","metric":"m"}]"#)
        .await;
    for (item, expected) in [
        (
            r#"{"op":"create","metric":"a/b"}"#,
            "409 …a/b would expose a_b, which a.b exposes already\n",
        ),
        // Other spellings of one name.
        (
            r#"{"op":"create","metric":"a_b"}"#,
            "200 {\"changes\":1,\"created\":0,\"deleted\":0}",
        ),
        (
            r#"{"op":"create","metric":"a-b"}"#,
            "200 {\"changes\":1,\"created\":0,\"deleted\":0}",
        ),
        (
            r#"{"op":"create","metric":"a_dot_b"}"#,
            "409 …a_dot_b would expose a_dot_b, which a.b exposes already\n",
        ),
        (r#"{"op":"create","metric":"U__a_2e_b"}"#, "409 …would expose…\n"),
        (
            r#"{"op":"inc","metric":"m","labels":{"x.y":"1","x_y":"2"}}"#,
            "400 …labels \"x.y\" and \"x_y\" would both be exposed as \"x_y\"\n",
        ),
        (
            r#"{"op":"inc","metric":"m","labels":{"x.y":"1","x_dot_y":"2"}}"#,
            "400 …would both be exposed as \"x_dot_y\"\n",
        ),
        (r#"{"op":"inc","metric":"m","labels":{"x.y":"1","x-z":"2"}}"#, "200 …"),
        (r#"{"op":"create","metric":"a.c"}"#, "200 …"),
        (r#"{"op":"create","metric":"é1é","type":"gauge"}"#, "200 …"),
        (r#"{"op":"create","metric":"y\"\\\n","type":"counter"}"#, "200 …"),
        (r#"{"op":"create","metric":"y\"\\\n_","type":"counter"}"#, "200 …"),
        (r#"{"op":"create","metric":"y{}.","type":"histogram"}"#, "409 …"),
        (r#"{"op":"create","metric":"{x}","type":"histogram"}"#, "200 …"),
        (
            r#"{"op":"inc","metric":"m","labels":{"é_name__":"1"}}"#,
            "400 …would both be exposed as \"__name__\"\n",
        ),
    ] {
        hub.check("POST /api/v1/batch", item, expected).await;
        for escaping in [
            "",
            ";escaping=allow-utf-8",
            ";escaping=underscores",
            ";escaping=dots",
            ";escaping=values",
        ] {
            scrape(&hub, "/__metrics", &format!("text/plain{escaping}")).await;
            scrape(&hub, "/__metrics", &format!("application/openmetrics-text{escaping}")).await;
        }
    }
}

#[tokio::test]
async fn when_counting_began_is_shown_on_request_only() {
    let created = async |hub: &Hub, accept: &str| {
        hub.batch(r#"{"op":"inc","metric":"c_total","type":"counter"}{"op":"observe","metric":"h","value":1,"type":"histogram"}"#)
            .await;
        let (_, document) = scrape(hub, "/__metrics?match[]=c_total&match[]=h", accept).await;
        document
            .families
            .iter()
            .map(|family| family.metrics[0].created.is_some())
            .collect::<Vec<_>>()
    };
    let hidden = hub().start().await;
    assert_eq!(created(&hidden, "application/openmetrics-text").await, [false, false]);
    let shown = hub().config("scrape: {created: true}").start().await;
    assert_eq!(created(&shown, "application/openmetrics-text").await, [true, true]);
    assert_eq!(created(&shown, "text/plain").await, [false, false]);
}

#[tokio::test]
async fn prefixes_are_a_list_of_what_is_shown() {
    let hub = hub().start().await;
    hub.batch(r#"[{"op":"set","metric":"mail_a","type":"gauge","value":1},{"op":"set","metric":"web_a","type":"gauge","value":2},
        {"op":"set","metric":"db_a","type":"gauge","value":3}]"#)
        .await;
    let check = async |query: &str, expected: &str| {
        let names = |text: String| -> Vec<String> {
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            samples
                .filter_map(|line| line.split([' ', '{']).next())
                .map(str::to_owned)
                .collect()
        };
        let scraped = names(hub.get(&format!("/__metrics?{query}")).send().await.text());
        assert_eq!(scraped.join(" "), expected, "{query}");
        let listed = hub.get(&format!("/api/v1/families?{query}")).send().await.text();
        let listed = listed
            .split("\"name\":\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        assert_eq!(listed.collect::<Vec<_>>().join(" "), expected, "{query}");
    };
    check("prefix=mail_", "mail_a").await;
    check("prefix=mail_&prefix=web_", "mail_a web_a").await;
    check("prefix=web_&prefix=mail_&prefix=web_a", "mail_a web_a").await;
    check("prefix=mail_&prefix=nothing_", "mail_a").await;
    check("prefix=nothing_", "").await;
    check("prefix=Mail-&prefix=db.", "db_a mail_a").await;
}
