//! The servers that are compared, each on a free loopback port, in a directory of its own.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    bare,
    client::{Endpoint, trust},
    process::Process,
    series,
};

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// How to talk to it.
    pub endpoint: Endpoint,
    /// From its start until it took requests.
    pub started_in: Duration,
}

/// Where programs come from and files go.
#[derive(Debug, Clone)]
pub struct Place {
    /// The directory of `nexus-bench` and `metric-nexus`.
    pub programs: PathBuf,
    /// What is removed at the end.
    pub directory: PathBuf,
}

/// How a hub is started.
#[derive(Debug, Clone)]
pub struct HubSettings<'a> {
    /// The name of its directory.
    pub name: &'a str,
    /// `sync`, `flush` or `snapshot`.
    pub durability: &'a str,
    /// TLS, or plain HTTP.
    pub tls: bool,
    /// Further lines of its configuration.
    pub config: &'a str,
}

impl HubSettings<'_> {
    /// TLS and `sync`, as a hub is where nothing is said, in a directory of this name.
    #[must_use]
    pub fn new(name: &str) -> HubSettings<'_> {
        HubSettings {
            name,
            durability: "sync",
            tls: true,
            config: "",
        }
    }
}

/// Bounds that no measurement is to run into, and no snapshot that nobody asked for.
const HUB_CONFIG: &str = "snapshot:
  interval: 1d
journal:
  segment_bytes_max: 64GiB
limits:
  series_per_key_max: 10_000_000
";

impl Place {
    /// Starts a hub; on the state that is in its directory already, if there is one.
    ///
    /// # Errors
    /// It does not start.
    pub fn hub(&self, settings: &HubSettings<'_>) -> Result<Server> {
        let state = self.directory.join(settings.name);
        let config = self.directory.join(format!("{}.yaml", settings.name));
        std::fs::write(&config, format!("{HUB_CONFIG}{}", settings.config))?;
        let mut command = Command::new(self.programs.join("metric-nexus"));
        command
            .args(["--listen", "127.0.0.1:0", "--durability", settings.durability])
            .arg("--state")
            .arg(&state)
            .arg("--config")
            .arg(&config);
        if !settings.tls {
            command.arg("--plain-http");
        }
        let log = self.directory.join(format!("{}.log", settings.name));
        let began = Instant::now();
        let (process, said) = Process::start_and_listen(&mut command, &log)?;
        let address = address_in(&said)?;
        let started_in = began.elapsed();
        let key = std::fs::read_to_string(state.join("admin.key"))?.trim().to_owned();
        let tls = settings.tls.then(|| trust(&state.join("tls/ca.pem"))).transpose()?;
        let endpoint = Endpoint {
            address,
            key: Some(key),
            tls,
        };
        endpoint.ask("GET", "/-/ready", "", b"")?;
        Ok(Server {
            process,
            endpoint,
            started_in,
        })
    }

    /// Starts the bare reference with so many series.
    ///
    /// # Errors
    /// It does not start.
    pub fn bare(&self, series: u64, tls: bool) -> Result<Server> {
        let ca = self.directory.join(format!("bare-{series}.pem"));
        let mut command = Command::new(self.programs.join("nexus-bench"));
        command.args(["bare", "--series", &series.to_string()]);
        if tls {
            command.arg("--ca").arg(&ca);
        }
        let began = Instant::now();
        let (process, said) = Process::start_and_listen(&mut command, &self.directory.join("bare.log"))?;
        let endpoint = Endpoint {
            address: address_in(&said)?,
            key: Some(bare::KEY.to_owned()),
            tls: tls.then(|| trust(&ca)).transpose()?,
        };
        Ok(Server {
            process,
            endpoint,
            started_in: began.elapsed(),
        })
    }

    /// Starts Debian's Pushgateway with its checks, on the file that is in its directory already, if there is one.
    ///
    /// # Errors
    /// It does not start.
    pub fn pushgateway(&self) -> Result<Server> {
        let address = free_address()?;
        let mut command = Command::new("prometheus-pushgateway");
        command
            .arg(format!("--web.listen-address={address}"))
            .arg(format!(
                "--persistence.file={}",
                self.directory.join("pushgateway").display()
            ))
            .arg("--persistence.interval=1s");
        self.peer(&mut command, address, "/-/ready")
    }

    /// Starts Debian's VictoriaMetrics, on the data that is in its directory already, if there is some.
    ///
    /// # Errors
    /// It does not start.
    pub fn victoria_metrics(&self) -> Result<Server> {
        let address = free_address()?;
        let mut command = Command::new("victoria-metrics");
        command.arg(format!("-httpListenAddr={address}")).arg(format!(
            "-storageDataPath={}",
            self.directory.join("victoria-metrics").display()
        ));
        self.peer(&mut command, address, "/health")
    }

    fn peer(&self, command: &mut Command, address: SocketAddr, ready: &str) -> Result<Server> {
        let log = self
            .directory
            .join(format!("{}.log", command.get_program().to_string_lossy()));
        let began = Instant::now();
        let mut process = Process::start(command.stdout(std::process::Stdio::null()), &log)?;
        let endpoint = Endpoint {
            address,
            key: None,
            tls: None,
        };
        process.wait_until(|| endpoint.ask("GET", ready, "", b"").is_ok())?;
        Ok(Server {
            process,
            endpoint,
            started_in: began.elapsed(),
        })
    }
}

/// How many series one batch adds to.
pub const BATCH: u64 = 10_000;

impl Server {
    /// Adds one to each of these series of a hub, in batches over one connection.
    ///
    /// # Errors
    /// A batch is refused.
    pub fn add_to_each(&self, series: u64) -> Result<()> {
        let mut connection = self.endpoint.connect()?;
        for first in (0..series).step_by(usize::try_from(BATCH)?) {
            let body = series::batch(first..series.min(first + BATCH));
            let request = self.endpoint.request("POST", "/api/v1/batch", "", &body);
            let answer = connection.exchange(&request, crate::client::Keep::Body)?;
            ensure!(
                answer.is_success(),
                "a batch was answered {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        Ok(())
    }

    /// The whole exposition of a hub.
    ///
    /// # Errors
    /// It is refused.
    pub fn scrape(&self) -> Result<Vec<u8>> {
        self.endpoint.ask("GET", "/__metrics", "", b"")
    }

    /// Fails unless the counters of a hub add up to something in this range, over so many series.
    ///
    /// # Errors
    /// They do not: something was lost or counted twice.
    pub fn must_add_up(&self, sums: std::ops::RangeInclusive<u64>, series: u64) -> Result<()> {
        let (sum, found) = series::sum(&self.scrape()?);
        ensure!(
            sums.contains(&sum) && found == series,
            "the hub has {found} series with a sum of {sum}, expected {series} with {sums:?}"
        );
        Ok(())
    }
}

/// The address at the end of what a server says first.
fn address_in(said: &str) -> Result<SocketAddr> {
    let address = said.rsplit("//").next().unwrap_or_default();
    address.parse().with_context(|| format!("no address in {said:?}"))
}

/// An address that nobody listens on at the moment, for programs that cannot choose one themselves.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Whether a program can be started by its name.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory: PathBuf| Path::new(&directory).join(program).is_file())
}
