use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::Path as PathOf, routing::get};

use super::hub::{Hub, KEY, NAME, free_port};
use crate::harness::{PATIENCE, Seconds, World, eventually};

/// Where the Lua module is.
pub(super) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/nginx");

const MODULES: &str = "/usr/lib/nginx/modules";

/// Whether NGINX and its Lua module are there. Loud if not, and a failure where all must run.
pub(super) fn has_nginx() -> bool {
    let has =
        Command::new("nginx").arg("-v").output().is_ok() && Path::new(MODULES).join("ngx_http_lua_module.so").exists();
    if !has {
        let missing = "NGINX or its Lua module is missing (Debian: nginx, libnginx-mod-http-lua)";
        assert!(std::env::var_os("NEXUS_TEST_STRICT").is_none(), "{missing}");
        eprintln!("SKIPPED: {missing}");
    }
    has
}

/// An NGINX that says what it does in every way that we read, and in a log of its own.
pub(super) struct Nginx {
    directory: PathBuf,
    pub(super) port: u16,
    master: Child,
    /// How many slow requests the service has begun to answer.
    slow: Arc<AtomicU64>,
}

impl Nginx {
    pub(super) async fn start(world: &World, hub: &Hub) -> Self {
        Self::start_with_queue(world, hub, "10m").await
    }

    /// With a shared dict of such a size.
    pub(super) async fn start_with_queue(world: &World, hub: &Hub, queue: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = listener.local_addr().unwrap().port();
        let slow = Arc::new(AtomicU64::new(0));
        let begun = slow.clone();
        let answer_slowly = move || async move {
            begun.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            "at last"
        };
        let app = Router::new().route("/slow", get(answer_slowly)).route(
            "/size/{bytes}",
            get(|PathOf(bytes): PathOf<usize>| async move { "x".repeat(bytes) }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

        let directory = world.directory.path().to_owned();
        let port = free_port();
        fs::write(
            directory.join("nginx.conf"),
            configuration(&directory, port, service, hub, queue),
        )
        .unwrap();
        let master = Command::new("nginx")
            .arg("-p")
            .arg(&directory)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .env("METRIC_NEXUS_HUB", format!("https://127.0.0.1:{}", hub.ports.https))
            .env("METRIC_NEXUS_SERVER_NAME", NAME)
            .env("METRIC_NEXUS_KEY", KEY)
            .env("METRIC_NEXUS_INTERVAL", "0.2")
            .env("METRIC_NEXUS_RETRY", "1")
            .env("METRIC_NEXUS_TIMEOUT", "5")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Nginx {
            directory,
            port,
            master,
            slow,
        };
        eventually("NGINX listens", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        nginx
    }

    /// As logrotate does it.
    pub(super) fn rotate(&self) {
        fs::rename(self.directory.join("usage.log"), self.directory.join("usage.log.1")).unwrap();
        signal("USR1", self.master.id());
    }

    /// With SIGKILL.
    pub(super) fn kill_worker(&self) {
        if let Some(worker) = children(self.master.id()).first() {
            signal("KILL", *worker);
        }
    }

    /// Until the service answers a slow request.
    pub(super) async fn is_answering_slowly(&self) {
        eventually("the slow request is there", || self.slow.load(Ordering::Relaxed) > 0).await;
    }

    /// Ends when all is done.
    pub(super) async fn quit(&self) {
        signal("QUIT", self.master.id());
        eventually("NGINX has ended its workers", || children(self.master.id()).is_empty()).await;
    }

    /// What the Lua module counts.
    pub(super) fn stats(&self) -> BTreeMap<String, u64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /stats HTTP/1.0\r\n\r\n").unwrap();
        let response = io::read_to_string(stream).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        let stat = |line: &str| {
            line.split_once(' ')
                .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        };
        body.lines().filter_map(stat).collect()
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
        let deadline = Instant::now() + PATIENCE;
        while !matches!(self.master.try_wait(), Ok(Some(_))) {
            if Instant::now() > deadline {
                drop(self.master.kill());
            }
            std::thread::yield_now();
        }
        if std::thread::panicking() {
            let said = fs::read_to_string(self.directory.join("error.log")).unwrap_or_default();
            // Of a syslog that nobody receives there is one for each request.
            let is_of_syslog = |line: &&str| line.contains("send() to syslog failed") || line.contains("refused)");
            let said: Vec<_> = said.lines().filter(|line| !is_of_syslog(line)).take(50).collect();
            eprintln!("NGINX said:\n{}", said.join("\n"));
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

/// The blocks of the `http` block's Lua and of the location are those of a usage logging that was published long before
/// this one, with the name of the module changed.
fn configuration(directory: &Path, port: u16, service: u16, hub: &Hub, queue: &str) -> String {
    let (directory, syslog) = (directory.display(), hub.ports.syslog);
    format!(
        r#"
load_module {MODULES}/ndk_http_module.so;
load_module {MODULES}/ngx_http_lua_module.so;
env METRIC_NEXUS_HUB;
env METRIC_NEXUS_SERVER_NAME;
env METRIC_NEXUS_KEY;
env METRIC_NEXUS_INTERVAL;
env METRIC_NEXUS_RETRY;
env METRIC_NEXUS_TIMEOUT;
daemon off;
user root;
worker_processes 2;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    lua_package_path "{EXAMPLE}/?.lua;;";
    lua_ssl_trusted_certificate {directory}/ca.crt;
    log_format own '$msec $bytes_sent';
    log_format metric_nexus escape=json
        '{{"id":"$request_id","time":"$msec","key":"$remote_user","service":"$server_name",'
        '"method":"$request_method","status":"$status","bytes_in":"$request_length",'
        '"bytes_out":"$bytes_sent","body_bytes":"$body_bytes_sent",'
        '"duration_seconds":"$request_time","sequence":"$usage_sequence"}}';
    access_log own.log own;
    access_log usage.log metric_nexus;
    access_log syslog:server=127.0.0.1:{syslog},tag=nginx metric_nexus;
    access_log syslog:server=unix:{directory}/syslog.sock,tag=nginx,nohostname metric_nexus;
    upstream service {{ server 127.0.0.1:{service}; keepalive 16; }}

lua_shared_dict usage_logging {queue};
init_worker_by_lua_block {{
local Logging = require "metric_nexus"
l = Logging.new()
l:watch(ngx.shared.usage_logging)
}}
    server {{
        listen 127.0.0.1:{port};
        server_name tiles;
        keepalive_requests 1000000;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
location / {{
set_by_lua_block $usage_sequence {{ return require("metric_nexus").sequence(ngx.shared.usage_logging) }}
proxy_pass http://service;
log_by_lua_block {{
local payload = {{
bytes = tonumber(ngx.var.bytes_sent),
status = tonumber(ngx.var.status),
timestamp = ngx.now()
}}
local Logging = require "metric_nexus"
l = Logging.save(ngx.shared.usage_logging, payload)
}}
}}
        location = /odd {{
            return 204;
            log_by_lua_block {{
                require("metric_nexus").save(ngx.shared.usage_logging, {{ key = 'a"\\\n\xff', rate = 0.5, odd = true }})
            }}
        }}
        location = /refused {{
            return 204;
            log_by_lua_block {{ require("metric_nexus").save(ngx.shared.usage_logging, {{ status = "none" }}) }}
        }}
        location = /stats {{
            access_log off;
            content_by_lua_block {{
                for name, value in pairs(require("metric_nexus").stats(ngx.shared.usage_logging)) do
                    ngx.say(name, " ", value)
                end
            }}
        }}
    }}
}}
"#
    )
}
