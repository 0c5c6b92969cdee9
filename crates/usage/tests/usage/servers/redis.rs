//! A Redis server of the test's own.

use std::{
    io::Write,
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use nexus_usage::RedisAddress;

use nexus_test_servers::{Certificates, Leash, Proxy, Signal, find, free_port, poll_until, run};

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct RedisOptions {
    /// What a client must say.
    pub(crate) password: Option<String>,
    /// Only TLS is spoken.
    pub(crate) tls: bool,
    /// Every command is on disk before it is answered.
    pub(crate) persistence: bool,
    /// A node of a Cluster, which tells clients to come to this port of loopback.
    pub(crate) cluster: Option<ClusterPorts>,
}

/// The ports of a Cluster's node beside its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterPorts {
    pub(crate) announced: u16,
    pub(crate) bus: u16,
}

/// A running `redis-server` on loopback.
#[derive(Debug)]
pub(crate) struct RedisServer {
    leash: Option<Leash>,
    directory: PathBuf,
    port: u16,
    options: RedisOptions,
    certificates: Option<Certificates>,
}

impl RedisServer {
    /// What tests of it need.
    pub(crate) const PROGRAMS: &[&str] = &["redis-server", "redis-cli"];

    /// Starts one that keeps nothing and knows no password.
    pub(crate) fn start() -> RedisServer {
        RedisServer::start_with(RedisOptions::default())
    }

    /// Starts one and waits until it answers.
    pub(crate) fn start_with(options: RedisOptions) -> RedisServer {
        RedisServer::start_on(free_port(), options)
    }

    /// Starts one on a given port.
    pub(crate) fn start_on(port: u16, options: RedisOptions) -> RedisServer {
        let directory = tempfile::Builder::new()
            .prefix("nexus-redis-")
            .tempdir()
            .unwrap()
            .keep();
        let certificates = options.tls.then(|| Certificates::make(&directory));
        let mut server = RedisServer {
            leash: None,
            directory,
            port,
            options,
            certificates,
        };
        server.start_again();
        server
    }

    /// The port on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where a client finds it.
    pub(crate) fn address(&self) -> RedisAddress {
        format!("127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// The authority that signed its certificate.
    pub(crate) fn authority(&self) -> &Path {
        &self.certificates.as_ref().expect("TLS was asked for").authority
    }

    /// Ends it at once, as kill -9 does.
    pub(crate) fn kill(&mut self) {
        if let Some(leash) = self.leash.take() {
            leash.end_and_keep_the_files();
        }
    }

    /// Starts it on the same port and files.
    pub(crate) fn start_again(&mut self) {
        let mut command = vec![find("redis-server").unwrap().display().to_string()];
        let mut set = |name: &str, value: &str| command.extend([format!("--{name}"), value.to_owned()]);
        let port = self.port.to_string();
        set("bind", "127.0.0.1");
        set("save", "");
        set("appendonly", if self.options.persistence { "yes" } else { "no" });
        set("appendfsync", "always");
        if let Some(password) = &self.options.password {
            set("requirepass", password);
        }
        match &self.certificates {
            None => set("port", &port),
            Some(certificates) => {
                set("port", "0");
                set("tls-port", &port);
                set("tls-cert-file", &certificates.certificate.display().to_string());
                set("tls-key-file", &certificates.key.display().to_string());
                set("tls-ca-cert-file", &certificates.authority.display().to_string());
                set("tls-auth-clients", "no");
            }
        }
        if let Some(ports) = self.options.cluster {
            set("cluster-enabled", "yes");
            set("cluster-node-timeout", "2000");
            set("cluster-port", &ports.bus.to_string());
            set("cluster-announce-ip", "127.0.0.1");
            set("cluster-announce-port", &ports.announced.to_string());
        }
        self.leash = Some(Leash::start(&command, &self.directory, Signal::Kill));
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        poll_until(&format!("redis-server answers on port {}", self.port), || {
            self.answers()
                .then_some(())
                .ok_or_else(|| self.leash.as_ref().map(Leash::output).unwrap_or_default())
        });
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        if self.options.tls {
            return true;
        }
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut first = [0];
        stream.write_all(b"PING\r\n").is_ok() && std::io::Read::read_exact(&mut stream, &mut first).is_ok() && {
            // "-NOAUTH" is an answer, "-LOADING" is not one yet.
            first == *b"+" || self.options.password.is_some()
        }
    }

    /// Runs a command with `redis-cli` and returns what it answers.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let mut command = vec![
            find("redis-cli").unwrap().display().to_string(),
            "-p".to_owned(),
            self.port.to_string(),
        ];
        if let Some(password) = &self.options.password {
            command.extend(["--no-auth-warning".to_owned(), "-a".to_owned(), password.clone()]);
        }
        if let Some(certificates) = &self.certificates {
            command.extend([
                "--tls".to_owned(),
                "--cacert".to_owned(),
                certificates.authority.display().to_string(),
            ]);
        }
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        run(&command, &self.directory)
    }
}

/// Three masters that share the slots, each behind a proxy that clients are told to come to.
#[derive(Debug)]
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<RedisServer>,
    pub(crate) proxies: Vec<Proxy>,
}

impl RedisCluster {
    /// Starts the nodes and waits until all of them see a whole cluster.
    pub(crate) fn start() -> RedisCluster {
        let node = |_| {
            let port = free_port();
            let proxy = Proxy::before(port);
            let cluster = Some(ClusterPorts {
                announced: proxy.port(),
                bus: free_port(),
            });
            let options = RedisOptions {
                cluster,
                ..RedisOptions::default()
            };
            (RedisServer::start_on(port, options), proxy)
        };
        let (nodes, proxies) = (0..3).map(node).unzip();
        let cluster = RedisCluster { nodes, proxies };
        cluster.join();
        cluster
    }

    /// Where a client may begin.
    pub(crate) fn addresses(&self) -> Vec<RedisAddress> {
        let address = |proxy: &Proxy| proxy.address().parse().unwrap();
        self.proxies.iter().map(address).collect()
    }

    fn join(&self) {
        // What `redis-cli --cluster create` does, which waits a second at a time for what takes a moment.
        for (turn, node) in self.nodes.iter().enumerate() {
            let first = 16_384 * turn / self.nodes.len();
            let last = 16_384 * (turn + 1) / self.nodes.len() - 1;
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(turn + 1).to_string()]);
        }
        let [first, others @ ..] = self.nodes.as_slice() else {
            unreachable!()
        };
        for other in others {
            let bus = other.options.cluster.unwrap().bus.to_string();
            first.command(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), &bus]);
        }
        for node in &self.nodes {
            poll_until("the cluster is whole", || {
                let info = node.command(&["CLUSTER", "INFO"]);
                let whole = info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3");
                whole.then_some(()).ok_or(info)
            });
        }
    }
}
