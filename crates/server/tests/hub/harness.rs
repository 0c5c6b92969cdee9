//! A hub in a process of its own, on a port and in a directory of its own.
//!
//! [`hub()`] describes one, [`Setup::start`] starts it, dropping the [`Hub`] kills it, and no test passes in which it
//! panicked. [`request`] talks to it.

pub(crate) mod request;

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// How long anything may take that will come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Whether a test can run that needs `what`. Where it cannot, that is said loudly, or, under `NEXUS_TEST_STRICT`, fails.
pub(crate) fn require(what: &str, present: bool) -> bool {
    assert!(
        present || std::env::var_os("NEXUS_TEST_STRICT").is_none(),
        "this test needs {what}"
    );
    if !present {
        eprintln!("SKIPPED, nothing was tested: this needs {what}");
    }
    present
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a text is as expected, where `…` in the expectation stands for any text.
pub(crate) fn fits(found: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = found.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

/// A hub that is not started yet: empty state, TLS, everything else as by default.
pub(crate) fn hub() -> Setup {
    let directory = TempDir::new().unwrap();
    Setup {
        state: Some(directory.path().join("state")),
        config: None,
        durability: None,
        listen: Some("127.0.0.1:0".to_owned()),
        plain: false,
        key: None,
        directory,
    }
}

/// How a hub is started.
#[derive(Debug)]
pub(crate) struct Setup {
    directory: TempDir,
    /// None: as the configuration says.
    state: Option<PathBuf>,
    config: Option<PathBuf>,
    durability: Option<&'static str>,
    /// None: as the configuration says.
    listen: Option<String>,
    plain: bool,
    /// None: the admin key of the first start.
    key: Option<String>,
}

impl Setup {
    /// With this text as its configuration file.
    pub(crate) fn config(mut self, text: &str) -> Self {
        let path = self.path("config.yaml");
        fs::write(&path, text).unwrap();
        self.config = Some(path);
        self
    }

    pub(crate) fn durability(mut self, durability: &'static str) -> Self {
        self.durability = Some(durability);
        self
    }

    pub(crate) fn listen(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// Where the configuration says.
    pub(crate) fn listen_of_config(mut self) -> Self {
        self.listen = None;
        self
    }

    /// Without TLS.
    pub(crate) fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// On a state that is elsewhere.
    pub(crate) fn state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// On the state that the configuration names.
    pub(crate) fn state_of_config(mut self) -> Self {
        self.state = None;
        self
    }

    /// Requests carry this key.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// A path in a directory that goes away with the hub.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the program, and waits until it listens.
    pub(crate) async fn start(self) -> Hub {
        let mut hub = Hub {
            setup: self,
            running: None,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            key: String::new(),
            tls: None,
            starts: 0,
        };
        hub.start().await;
        hub
    }

    /// Starts the program, which is to end by itself.
    pub(crate) async fn fail(&self) -> Ended {
        run(&mut self.command()).await
    }

    /// Runs another command of the program, from the directory that goes away with the hub.
    pub(crate) async fn command_line(&self, arguments: &[&str]) -> Ended {
        let mut command = program();
        command.args(arguments).current_dir(self.directory.path());
        run(&mut command).await
    }

    /// A command that looks for the state where this hub has it.
    pub(crate) async fn command_on_state(&self, arguments: &[&str]) -> Ended {
        let mut command = program();
        command.args(arguments);
        command.args(self.state.iter().flat_map(|state| [Path::new("--state"), state]));
        run(&mut command).await
    }

    fn command(&self) -> Command {
        let mut command = program();
        command.arg("serve");
        command.args(self.listen.iter().flat_map(|address| ["--listen", address]));
        if let Some(state) = &self.state {
            command.arg("--state").arg(state);
        }
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if let Some(durability) = self.durability {
            command.args(["--durability", durability]);
        }
        if self.plain {
            command.arg("--plain-http");
        }
        command
    }
}

/// The program, with no environment that could mean anything to it.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metric-nexus"));
    command.env_clear().kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(command: &mut Command) -> Ended {
    let output = timeout(DEADLINE, command.output())
        .await
        .expect("still running")
        .unwrap();
    Ended {
        code: output.status.code(),
        output: String::from_utf8(output.stdout).unwrap(),
        notes: String::from_utf8(output.stderr).unwrap(),
    }
}

/// How a run of the program ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    /// None: by a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) notes: String,
}

/// A hub that runs, unless it was stopped.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) setup: Setup,
    pub(crate) address: SocketAddr,
    /// What requests carry unless they say otherwise.
    pub(crate) key: String,
    running: Option<Child>,
    tls: Option<Arc<ClientConfig>>,
    starts: usize,
}

impl Hub {
    /// Starts it again after it was stopped, as it was started first.
    pub(crate) async fn start(&mut self) {
        assert!(self.running.is_none(), "it runs");
        self.starts += 1;
        let output = self.output_file("output");
        let mut command = self.setup.command();
        command.stdout(File::create(&output).unwrap());
        command.stderr(File::create(self.output_file("log")).unwrap());
        let mut child = command.spawn().unwrap();
        let line = until("the first line", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the hub ended at its start: {status} {}", self.log());
            }
            let text = fs::read_to_string(&output).unwrap();
            // All of it, for an admin key comes with it.
            text.split_once('\n').map(|(line, _)| line.to_owned())
        })
        .await;
        self.running = Some(child);
        let scheme = if self.setup.plain { "http" } else { "https" };
        let (_, address) = line.split_once(&format!(" listens on {scheme}://")).expect(&line);
        self.address = address.parse().unwrap();
        let key = || {
            fs::read_to_string(self.state().join("admin.key"))
                .unwrap()
                .trim()
                .to_owned()
        };
        self.key = self.setup.key.clone().unwrap_or_else(key);
        self.tls = (!self.setup.plain).then(|| Arc::new(self.trust()));
    }

    /// The configuration of a client that trusts this hub alone.
    fn trust(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.state().join("tls/ca.pem")).unwrap())
            .unwrap();
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// Where keys, certificates and journal lie.
    pub(crate) fn state(&self) -> PathBuf {
        match &self.setup.state {
            Some(state) => state.clone(),
            None => self.setup.path("config.state.yaml.d"),
        }
    }

    fn output_file(&self, name: &str) -> PathBuf {
        self.setup.path(&format!("{name}-{}", self.starts))
    }

    /// What the last start has said on standard output.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.output_file("output")).unwrap()
    }

    /// What the last start has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.output_file("log")).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().and_then(Child::id).expect("it does not run")
    }

    /// Sends a signal by its name.
    pub(crate) async fn signal(&self, signal: &str) {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -s {signal} {}", self.pid())]);
        assert!(kill.status().await.unwrap().success());
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Ends it with no chance to do anything.
    pub(crate) async fn kill(&mut self) {
        self.signal("KILL").await;
        self.ended().await;
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.running.take().expect("it does not run");
        let ended = timeout(DEADLINE, child.wait()).await;
        ended.expect("still running").unwrap()
    }

    /// Whether the process is there.
    pub(crate) fn runs(&mut self) -> bool {
        let child = self.running.as_mut();
        child.is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Stops it in order and starts it again.
    pub(crate) async fn restart(&mut self) {
        assert_eq!(self.terminate().await.code(), Some(0), "{}", self.log());
        self.start().await;
    }

    /// Kills it and starts it again.
    pub(crate) async fn crash(&mut self) {
        self.kill().await;
        self.start().await;
    }

    /// Makes a key beside the running hub, and waits until it counts.
    pub(crate) async fn new_key(&self, name: &str, arguments: &[&str]) -> String {
        let made = self
            .setup
            .command_on_state(&[&["key", "new", name], arguments].concat())
            .await;
        assert_eq!(made.code, Some(0), "{made:?}");
        let key = made.output.strip_suffix('\n').unwrap().to_owned();
        until("the new key counts", async || {
            let reply = self.get("/nothing").key(&key).send().await;
            (reply.status != 401).then_some(())
        })
        .await;
        key
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the hub's log:\n{}", self.log());
        } else {
            assert!(!self.log().contains("panicked"), "{}", self.log());
        }
    }
}
