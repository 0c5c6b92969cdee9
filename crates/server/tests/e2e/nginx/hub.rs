//! The hub that NGINX logs to.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use super::{
    super::hub::{Hub, Place},
    eventually,
    seconds::{Seconds, total},
    so,
};

/// The source of what the Lua module posts: the name of its key.
pub(super) const LUA: &str = "gateway";
/// The source of the followed log, and of those lines by syslog that name no other.
pub(super) const FILE: &str = "access-log";
/// The sources of lines by syslog that name one.
pub(super) const UDP: &str = "udp";
pub(super) const UNIX: &str = "unix";

/// The program with a usage log that NGINX is to tell what it did, always at the same addresses.
pub(super) struct Metered {
    pub(super) place: Place,
    pub(super) listen: String,
    /// Of scope usage.
    pub(super) key: String,
    /// Where lines of source [`UDP`] are sent to.
    pub(super) udp: String,
    /// Where the lines of the followed log are sent to, too.
    pub(super) repeated: String,
    /// Where lines of source [`UNIX`] are sent to.
    pub(super) unix: PathBuf,
    /// What is followed.
    pub(super) log: PathBuf,
    /// The authority that NGINX is told to trust: the hub's.
    pub(super) trusted: PathBuf,
    config: String,
    hub: Option<Hub>,
}

impl Metered {
    pub(super) async fn start() -> Self {
        let place = Place::new();
        let [listen, udp, repeated] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
        let (unix, log) = (place.file("syslog.sock"), place.file("usage.log"));
        let yaml = format!(
            "usage_log: {{ follow: ['{}'], syslog: ['{udp}', '{repeated}', '{}'] }}",
            log.display(),
            unix.display()
        );
        let trusted = place.file("state/tls/ca.pem");
        let config = place.write("config.yaml", &yaml);
        let mut hub = Metered {
            place,
            listen,
            key: String::new(),
            udp,
            repeated,
            unix,
            log,
            trusted,
            config,
            hub: None,
        };
        hub.restart().await;
        hub.key = hub.place.new_key(&["gateway", "--scope", "usage"]).await;
        hub
    }

    pub(super) async fn restart(&mut self) {
        let hub = self.place.hub_on(&self.listen, &["--config", &self.config]).await;
        self.hub = Some(hub);
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) {
        self.hub.take().unwrap().kill().await;
    }

    /// `metric-nexus usage report`, beside the running hub; its rows as CSV.
    pub(super) async fn report(&self, arguments: &[&str]) -> Vec<String> {
        let asked = ["usage", "report", "--config", &self.config, "--format", "csv"];
        let said = self.place.run(&[&asked, arguments].concat()).await.ok();
        said.lines().skip(1).map(str::to_owned).collect()
    }

    /// What the hub has of each source.
    pub(super) async fn sources(&self) -> BTreeMap<String, Seconds> {
        let mut sources = BTreeMap::<String, Seconds>::new();
        for row in self.report(&["--window", "1s", "--group-by", "source"]).await {
            let row: Vec<&str> = row.split(',').collect();
            let [window, source, calls, _bytes_in, bytes_out, ..] = row[..] else {
                panic!("{row:?}");
            };
            let second = window.parse::<jiff::Timestamp>().unwrap().as_second();
            let sums = (calls.parse().unwrap(), bytes_out.parse().unwrap());
            sources.entry(source.to_owned()).or_default().insert(second, sums);
        }
        sources
    }

    pub(super) async fn seconds(&self, source: &str) -> Seconds {
        self.sources().await.remove(source).unwrap_or_default()
    }

    /// Until it has so many calls of a source.
    pub(super) async fn has(&self, source: &str, calls: u64) {
        eventually(&format!("{source} has {calls} calls"), async || {
            let known = total(&self.seconds(source).await);
            so(known.0 >= calls, known)
        })
        .await;
    }

    async fn metrics(&self) -> String {
        let hub = self.hub.as_ref().unwrap();
        hub.ok(&[], "/__metrics?prefix=metric_nexus").await
    }

    /// Whether anybody asked to post usage, whatever the answer was.
    pub(super) async fn was_posted_to(&self) -> bool {
        self.metrics().await.contains("route=\"/api/v1/usage/events\"")
    }

    /// One of the hub's own metrics, with these labels among its own.
    pub(super) async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let metrics = self
            .hub
            .as_ref()
            .unwrap()
            .ok(&[], "/__metrics?prefix=metric_nexus")
            .await;
        let is_it = |line: &&str| {
            let has = |(name, value): &(&str, &str)| line.contains(&format!("{name}=\"{value}\""));
            line.split(['{', ' ']).next() == Some(name) && labels.iter().all(has)
        };
        let line = metrics.lines().find(is_it);
        let line = line.unwrap_or_else(|| panic!("no {name} {labels:?} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// One of those of a source of the usage log.
    pub(super) async fn of_source(&self, name: &str, source: &str, labels: &[(&str, &str)]) -> u64 {
        let name = format!("metric_nexus_usage_log_source_{name}");
        self.metric(&name, &[&[("source", source)], labels].concat()).await
    }

    /// Until there is nothing more to read in the followed log.
    pub(super) async fn caught_up(&self) {
        eventually("the log is read to its end", async || {
            let behind = self.of_source("behind_bytes", text(&self.log), &[]).await;
            so(behind == 0, behind)
        })
        .await;
    }
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One that no other test here has, below those that are given to outgoing connections: it is bound again after a kill.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(process::id() % 20_000).unwrap();
    loop {
        let port = 12_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
