//! An unmodified Prometheus, configured as the README says, scrapes the hub; PromQL's answers are what was pushed.

use std::{fs, net::TcpListener, process::Stdio};

use serde_json::Value;
use tokio::process::{Child, Command};

use super::{
    hub::{Hub, Place},
    programs::{require, run, until},
    readme,
};

#[tokio::test]
async fn prometheus_answers_with_what_was_pushed() {
    if !require(&["prometheus", "curl"]) {
        return;
    }
    let place = Place::new();
    let hub = place.hub(&[]).await;
    push(&hub).await;
    let prometheus = Prometheus::start(&hub).await;
    let asked: Vec<(&str, f64)> = [numbers(), labels(), counters(), histograms()].concat();
    // All of it is scraped at once, so what is there is right at once.
    prometheus.scraped("metric-nexus").await;
    for (query, expected) in &asked {
        prometheus.check(query, *expected).await;
    }
    prometheus.no_scrape_failed().await;

    // What is deleted is gone with the next scrape.
    hub.ok(&["-X", "DELETE"], "/exact?case=third").await;
    until("the deleted series is stale", async || {
        match prometheus.ask(r#"exact{case="third"}"#).await.as_slice() {
            [] => Ok(()),
            some => Err(format!("{some:?}")),
        }
    })
    .await;

    // Neither kill -9 nor a restart looks like a counter that began again.
    let address = hub.address.to_string();
    hub.kill().await;
    until("the hub is missed", async || {
        prometheus.is(r#"up{job="metric-nexus"}"#, 0.0).await
    })
    .await;
    let hub = place.hub_on(&address, &[]).await;
    hub.ok(&["-X", "PUT"], "/jobs_total/inc?queue=mail").await;
    until("the last increment is seen", async || {
        prometheus
            .is(r#"jobs_total{job="metric-nexus",queue="mail"}"#, 8.0)
            .await
    })
    .await;
    for counter in [
        "jobs_total",
        "job_seconds_count",
        "job_seconds_sum",
        "job_seconds_bucket",
    ] {
        let resets = format!(r#"max(resets({counter}{{job="metric-nexus"}}[5m]))"#);
        prometheus.check(&resets, 0.0).await;
    }
    prometheus.no_scrape_failed().await;
    prometheus.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_job_sees_what_its_parameters_and_its_key_allow() {
    if !require(&["prometheus", "curl"]) {
        return;
    }
    let hub = Place::new().hub(&[]).await;
    push(&hub).await;
    let prometheus = Prometheus::start(&hub).await;
    for (job, names) in [
        // ?prefix=
        (
            "narrow",
            &[
                "job_seconds_bucket",
                "job_seconds_count",
                "job_seconds_sum",
                "jobs_total",
            ][..],
        ),
        // a key with --prefix
        ("team", &["team_lunch", "team_work"]),
        // ?match[]=, and `authorization: {type: token}`
        ("token", &["jobs_total"]),
    ] {
        prometheus.scraped(job).await;
        let query = format!(
            r#"count by (name) (label_replace({{job="{job}",__name__!~"up|scrape_.*"}}, "name", "$0", "__name__", ".+"))"#
        );
        let found = prometheus.ask(&query).await;
        let mut found: Vec<&str> = found
            .iter()
            .map(|answer| answer.labels["name"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, names, "{job}");
        prometheus.check(&format!(r#"up{{job="{job}"}}"#), 1.0).await;
    }
    prometheus.check(r#"sum(jobs_total{job="token"})"#, 3.0).await;
    prometheus.no_scrape_failed().await;
    prometheus.stop().await;
    hub.stop().await;
}

/// A value of a label that nobody would choose.
const ODD: &str = "a \"quoted\" \\ back\nnew line\té 😀 {x=\"y\"},# =";

async fn push(hub: &Hub) {
    // One at a time, as a shell script does it.
    for path in [
        "/jobs_total/inc?queue=mail&__type__=counter&__help__=Jobs+done",
        "/jobs_total/inc?queue=mail",
    ] {
        hub.ok(&["-X", "PUT"], path).await;
    }
    hub.ok(&["-X", "PUT", "-d", "5"], "/jobs_total/add?queue=mail").await;
    hub.ok(&["-X", "PUT", "-d", "3"], "/jobs_total/add?queue=print").await;
    hub.ok(&["-X", "POST", "-d", "The text, with \\ and\na line end"], "/room")
        .await;
    hub.ok(&["-X", "PUT", "-d", "21.5"], "/room").await;
    for seconds in ["0.05", "0.3", "0.3", "0.7", "5", "20"] {
        let path = "/job_seconds/observe?queue=mail&__type__=histogram&__buckets__=0.1,0.5,1,10";
        hub.ok(&["-X", "PUT", "-d", seconds], path).await;
    }
    // All at once.
    let gauge = |case: &str, value: &str| {
        format!(r#"{{"op":"set","metric":"exact","labels":{{"case":"{case}"}},"value":{value},"type":"gauge"}}"#)
    };
    let mut items = vec![
        gauge("third", "0.3333333333333333"),
        gauge("sum", "0.30000000000000004"),
        gauge("large", "1.7976931348623157e308"),
        gauge("small", "5e-324"),
        gauge("whole", "9007199254740991"),
        gauge("nan", "\"NaN\""),
        gauge("up", "\"+Inf\""),
        gauge("down", "\"-Inf\""),
    ];
    let odd = serde_json::to_string(ODD).unwrap();
    items.extend([
        format!(r#"{{"op":"set","metric":"odd","labels":{{"text":{odd},"none":""}},"value":1,"type":"gauge"}}"#),
        r#"{"op":"set","metric":"mine","labels":{"job":"my job","instance":"my host"},"value":2,"type":"gauge"}"#
            .to_owned(),
        r#"{"op":"set","metric":"dotted.näme","value":3,"type":"gauge"}"#.to_owned(),
        r#"{"op":"add","metric":"runs","value":9,"type":"counter","help":"A counter without _total"}"#.to_owned(),
        r#"{"op":"set","metric":"plain","value":7,"type":"untyped"}"#.to_owned(),
        r#"{"op":"set","metric":"team_work","value":1,"type":"gauge"}"#.to_owned(),
        r#"{"op":"set","metric":"team_lunch","value":1,"type":"gauge"}"#.to_owned(),
        r#"{"op":"create","metric":"job_seconds","labels":{"queue":"idle"}}"#.to_owned(),
        r#"{"op":"merge","metric":"job_seconds","labels":{"queue":"print"},"counts":[1,2,3,4,5],"sum":100.25}"#
            .to_owned(),
    ]);
    hub.ok(&["-d", &items.join("\n")], "/api/v1/batch").await;
}

type Asked = Vec<(&'static str, f64)>;

fn numbers() -> Asked {
    vec![
        (r#"up{job="metric-nexus"}"#, 1.0),
        (r#"room{job="metric-nexus"}"#, 21.5),
        (r#"plain{job="metric-nexus"}"#, 7.0),
        (r#"exact{job="metric-nexus",case="third"}"#, 1.0 / 3.0),
        (r#"exact{job="metric-nexus",case="sum"}"#, 0.1 + 0.2),
        (r#"exact{job="metric-nexus",case="large"}"#, f64::MAX),
        (r#"exact{job="metric-nexus",case="small"}"#, 5e-324),
        (r#"exact{job="metric-nexus",case="whole"}"#, 9_007_199_254_740_991.0),
        (r#"exact{job="metric-nexus",case="nan"}"#, f64::NAN),
        (r#"exact{job="metric-nexus",case="up"}"#, f64::INFINITY),
        (r#"exact{job="metric-nexus",case="down"}"#, f64::NEG_INFINITY),
    ]
}

fn labels() -> Asked {
    vec![
        (
            r#"odd{job="metric-nexus",text="a \"quoted\" \\ back\nnew line\té 😀 {x=\"y\"},# ="}"#,
            1.0,
        ),
        (r#"odd{job="metric-nexus",none=""}"#, 1.0),
        // honor_labels: what a worker says of itself stays.
        (r#"mine{job="my job",instance="my host"}"#, 2.0),
        // This Prometheus knows no UTF-8 names.
        (r#"dotted_n_me{job="metric-nexus"}"#, 3.0),
    ]
}

fn counters() -> Asked {
    vec![
        (r#"jobs_total{job="metric-nexus",queue="mail"}"#, 7.0),
        (r#"sum(jobs_total{job="metric-nexus"})"#, 10.0),
        (r#"runs{job="metric-nexus"}"#, 9.0),
        (r#"metric_nexus_series{job="metric-nexus"}"#, 21.0),
    ]
}

fn histograms() -> Asked {
    vec![
        (r#"job_seconds_count{job="metric-nexus",queue="mail"}"#, 6.0),
        (
            r#"job_seconds_sum{job="metric-nexus",queue="mail"}"#,
            0.05 + 0.3 + 0.3 + 0.7 + 5.0 + 20.0,
        ),
        (r#"job_seconds_bucket{job="metric-nexus",queue="mail",le="0.5"}"#, 3.0),
        (r#"job_seconds_bucket{job="metric-nexus",queue="mail",le="1.0"}"#, 4.0),
        (r#"job_seconds_bucket{job="metric-nexus",queue="mail",le="+Inf"}"#, 6.0),
        (r#"job_seconds_count{job="metric-nexus",queue="idle"}"#, 0.0),
        (r#"job_seconds_sum{job="metric-nexus",queue="print"}"#, 100.25),
        (r#"sum(job_seconds_count{job="metric-nexus"})"#, 21.0),
        // Half of six is the third of those up to 0.5, the second and last of its bucket.
        (
            r#"histogram_quantile(0.5, job_seconds_bucket{job="metric-nexus",queue="mail"})"#,
            0.5,
        ),
        // The fourth of six is all of its bucket from 0.5 to 1.
        (
            r#"histogram_quantile(4/6, job_seconds_bucket{job="metric-nexus",queue="mail"})"#,
            1.0,
        ),
        (
            r#"histogram_quantile(0.25, job_seconds_bucket{job="metric-nexus",queue="mail"})"#,
            0.2,
        ),
    ]
}

/// A Prometheus that scrapes one hub every second.
struct Prometheus {
    place: Place,
    url: String,
    child: Child,
}

/// One element of an instant vector.
#[derive(Debug)]
struct Answer {
    labels: Value,
    value: f64,
}

impl Prometheus {
    /// With the README's job, and with some more: see [`jobs`].
    async fn start(hub: &Hub) -> Self {
        let place = hub.place.clone();
        let address = free_address();
        let config = place.write("prometheus.yml", &jobs(hub).await);
        let log = fs::File::create(place.file("prometheus.log")).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={config}"))
            .arg(format!("--web.listen-address={address}"));
        command
            .args(["--storage.tsdb.path=prometheus-data", "--log.level=warn"])
            .current_dir(place.path());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        let prometheus = Prometheus {
            place,
            url: format!("http://{address}"),
            child: child.unwrap(),
        };
        until("Prometheus is ready", async || {
            let said = run(
                "curl",
                &["-sf", &format!("{}/-/ready", prometheus.url)],
                prometheus.place.path(),
                "",
            )
            .await;
            if said.code == Some(0) {
                Ok(())
            } else {
                Err(prometheus.log())
            }
        })
        .await;
        prometheus
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.file("prometheus.log")).unwrap()
    }

    /// `/api/v1/{path}`, whose answer must be a success.
    async fn api(&self, path: &str, arguments: &[&str]) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let said = run("curl", &[&["-sSG", &url], arguments].concat(), self.place.path(), "")
            .await
            .ok();
        let mut answer: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(answer["status"], "success", "{arguments:?}: {said}");
        answer["data"].take()
    }

    async fn ask(&self, query: &str) -> Vec<Answer> {
        let mut data = self
            .api("query", &["--data-urlencode", &format!("query={query}")])
            .await;
        let elements = data["result"].as_array_mut().unwrap().iter_mut();
        let answers = elements.map(|element| Answer {
            value: element["value"][1].as_str().unwrap().parse().unwrap(),
            labels: element["metric"].take(),
        });
        answers.collect()
    }

    /// Whether the query has one answer, and it is this one; NaN is NaN.
    async fn is(&self, query: &str, expected: f64) -> Result<(), String> {
        match self.ask(query).await.as_slice() {
            [Answer { value, .. }] if *value == expected || (value.is_nan() && expected.is_nan()) => Ok(()),
            others => Err(format!("{query}: {others:?} is not {expected}")),
        }
    }

    async fn check(&self, query: &str, expected: f64) {
        self.is(query, expected).await.unwrap_or_else(|why| panic!("{why}"));
    }

    /// A job has been scraped.
    async fn scraped(&self, job: &str) {
        until("a scrape has succeeded", async || {
            self.is(&format!(r#"up{{job="{job}"}}"#), 1.0).await
        })
        .await;
    }

    /// All targets are up again, without a complaint about any sample.
    async fn no_scrape_failed(&self) {
        for job in ["metric-nexus", "narrow", "team", "token"] {
            self.scraped(job).await;
        }
        let targets = self.api("targets", &[]).await;
        let targets = targets["activeTargets"].as_array().unwrap();
        assert_eq!(targets.len(), 4);
        for target in targets {
            assert_eq!(
                (&target["health"], &target["lastError"]),
                (&"up".into(), &"".into()),
                "{target}"
            );
        }
        let log = self.log();
        assert!(!log.contains("level="), "{log}");
    }

    async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The README's scrape configuration, with this hub's address and files, and three jobs that see less.
async fn jobs(hub: &Hub) -> String {
    let place = &hub.place;
    let key = place.new_key(&["prometheus", "--scope", "scrape"]).await;
    let key = place.write("prometheus.key", &key);
    let team = place.new_key(&["team", "--scope", "scrape", "--prefix", "team_"]).await;
    let team = place.write("team.key", &team);
    let ca = place.file("state/tls/ca.pem").display().to_string();
    let mut written = readme::block("Scraping with Prometheus", "yaml");
    for (shown, real) in [
        ("/etc/prometheus/metric-nexus.key", &key),
        ("/etc/prometheus/metric-nexus-ca.pem", &ca),
        ("localhost:3000", &format!("localhost:{}", hub.address.port())),
    ] {
        assert_eq!(written.matches(shown).count(), 1, "{shown}: {written}");
        written = written.replace(shown, real);
    }
    let job = |name: &str, kind: &str, key: &str, more: &str| {
        format!(
            "  - job_name: {name}\n    scheme: https\n    metrics_path: /__metrics\n    \
             authorization: {{type: {kind}, credentials_file: {key}}}\n    tls_config: {{ca_file: {ca}}}\n    \
             static_configs: [{{targets: [\"{}\"]}}]\n{more}",
            hub.address
        )
    };
    format!(
        "global: {{scrape_interval: 1s}}\n{written}{}{}{}",
        job("narrow", "Bearer", &key, "    params: {prefix: [job]}\n"),
        job("team", "Bearer", &team, ""),
        job(
            "token",
            "token",
            &key,
            "    params: {\"match[]\": ['jobs_total{queue=\"print\"}']}\n"
        ),
    )
}

/// Prometheus cannot say which port it got.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
