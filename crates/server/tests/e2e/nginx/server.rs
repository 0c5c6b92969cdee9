//! A real NGINX, started and ended.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{
    configuration::{Queue, configuration},
    eventually,
    hub::{Metered, free_port},
    seconds::Seconds,
    service::Service,
    so,
};

/// An NGINX in front of a service, in the directory of a hub.
pub(super) struct Nginx {
    directory: PathBuf,
    pub(super) port: u16,
    master: Child,
    pub(super) service: Service,
}

impl Nginx {
    pub(super) async fn start(hub: &Metered, queue: Queue) -> Self {
        let (service, port) = (Service::start().await, free_port());
        let text = configuration(hub, port, service.port, queue);
        Self::start_as(hub, service, port, &text).await
    }

    /// With a configuration that listens on the port.
    pub(super) async fn start_as(hub: &Metered, service: Service, port: u16, configuration: &str) -> Self {
        hub.place.write("nginx.conf", configuration);
        let directory = hub.place.path().to_owned();
        let said = fs::File::create(directory.join("nginx.said")).unwrap();
        let master = Command::new("nginx")
            .arg("-p")
            .arg(&directory)
            // Only root may read the directory.
            .args(["-c", "nginx.conf", "-e", "error.log", "-g", "daemon off; user root;"])
            .env("METRIC_NEXUS_HUB", format!("https://{}", hub.listen))
            .env("METRIC_NEXUS_SERVER_NAME", "localhost")
            .env("METRIC_NEXUS_KEY", &hub.key)
            .env("METRIC_NEXUS_INTERVAL", "0.2")
            .env("METRIC_NEXUS_RETRY", "1")
            .env("METRIC_NEXUS_TIMEOUT", "5")
            .env("METRIC_NEXUS_EXIT", "60")
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let nginx = Nginx {
            directory,
            port,
            master,
            service,
        };
        eventually("NGINX answers", async || so(nginx.try_stats().is_ok(), ())).await;
        nginx
    }

    /// As logrotate does it.
    pub(super) fn rotate(&self) {
        fs::rename(self.directory.join("usage.log"), self.directory.join("usage.log.1")).unwrap();
        signal("USR1", self.master.id());
    }

    /// `kill -9` of one worker, whose place another takes.
    pub(super) async fn kill_worker(&self) {
        let worker = eventually("there is a worker", async || {
            let worker = children(self.master.id()).first().copied();
            worker.ok_or_else(String::new)
        })
        .await;
        signal("KILL", worker);
        eventually("the worker is gone", async || {
            let left = children(self.master.id());
            so(!left.contains(&worker), left)
        })
        .await;
    }

    /// Ends when all is done.
    pub(super) async fn quit(&self) {
        signal("QUIT", self.master.id());
        eventually("NGINX has ended its workers", async || {
            let left = children(self.master.id());
            so(left.is_empty(), left)
        })
        .await;
    }

    /// Until so many requests were logged.
    pub(super) async fn has_logged(&self, requests: u64) {
        eventually(&format!("{requests} requests are logged"), async || {
            let stats = self.try_stats().map_err(|error| error.to_string())?;
            so(stats["saved"] + stats["dropped_full"] >= requests, stats)
        })
        .await;
    }

    /// What the Lua module counts.
    pub(super) async fn stats(&self) -> BTreeMap<String, u64> {
        eventually("NGINX tells its counts", async || {
            self.try_stats().map_err(|error| error.to_string())
        })
        .await
    }

    /// None from a worker that is being killed.
    fn try_stats(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /usage-logging HTTP/1.0\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let (_, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let stat = |line: &str| {
            line.split_once(' ')
                .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        };
        let stats: BTreeMap<_, _> = body.lines().filter_map(stat).collect();
        let is_whole = stats.contains_key("saved") && stats.contains_key("dropped_full");
        is_whole.then_some(stats).ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    /// What NGINX itself logged.
    pub(super) fn own_log(&self) -> Seconds {
        let mut seconds = Seconds::new();
        for line in fs::read_to_string(self.directory.join("own.log")).unwrap().lines() {
            let (second, bytes) = line.split_once(' ').unwrap();
            let second: i64 = second.split('.').next().unwrap().parse().unwrap();
            let (calls, sum) = seconds.entry(second).or_default();
            *calls += 1;
            *sum += bytes.parse::<u64>().unwrap();
        }
        seconds
    }

    /// What NGINX complained of, but that a busy hub took too long: then the events are sent again.
    pub(super) fn errors(&self) -> Vec<String> {
        let log = fs::read_to_string(self.directory.join("error.log")).unwrap();
        let levels = ["[error]", "[crit]", "[alert]", "[emerg]"];
        let is_error = |line: &&str| levels.iter().any(|level| line.contains(level)) && !line.contains("timed out");
        log.lines().filter(is_error).map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        signal("TERM", self.master.id());
        // It kills workers that do not end by themselves.
        drop(self.master.wait());
        if std::thread::panicking() {
            let said = |name| fs::read_to_string(self.directory.join(name)).unwrap_or_default();
            // Of a syslog that nobody receives there is one for each request.
            let is_of_syslog = |line: &&str| line.contains("send() to syslog failed") || line.contains("refused)");
            let log = said("error.log");
            let log: Vec<_> = log.lines().filter(|line| !is_of_syslog(line)).take(50).collect();
            eprintln!("NGINX said:\n{}{}", said("nginx.said"), log.join("\n"));
        }
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .stderr(Stdio::null())
        .status();
    drop(sent);
}

fn children(process: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    listed
        .split_ascii_whitespace()
        .map(|child| child.parse().unwrap())
        .collect()
}
