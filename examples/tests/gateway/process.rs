//! The gateway, started as a program.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::Arc,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    curl::{self, Fetched},
    upstream::Upstream,
};

/// The example, which cargo builds beside the tests.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().with_file_name("examples").join("gateway")
}

/// A directory for a gateway that may be started more than once.
pub(crate) struct Place {
    directory: Arc<TempDir>,
    pub(crate) upstream: SocketAddr,
}

impl Place {
    /// With these keys, before this service.
    pub(crate) fn new(upstream: &Upstream, keys: &str) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        fs::write(directory.path().join("keys.yaml"), keys).unwrap();
        Place {
            directory,
            upstream: upstream.address,
        }
    }

    /// With the keys of the example.
    pub(crate) fn with_example_keys(upstream: &Upstream) -> Self {
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/gateway/keys.example.yaml");
        Place::new(upstream, &fs::read_to_string(keys).unwrap())
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--upstream",
                &format!("http://{}", self.upstream),
            ])
            .arg("--keys")
            .arg(self.directory.path().join("keys.yaml"))
            .arg("--state")
            .arg(self.state())
            .args(arguments);
        command
    }

    /// Returns when the gateway listens.
    pub(crate) fn start(&self, arguments: &[&str]) -> Gateway {
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = said.next().expect("the gateway listens").unwrap();
        let address = line.rsplit(' ').next().unwrap().parse().unwrap();
        Gateway {
            child,
            said,
            address,
            _directory: Arc::clone(&self.directory),
        }
    }
}

/// Prints what a gateway's log has.
pub(crate) fn report(state: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command
        .arg("report")
        .arg("--state")
        .arg(state)
        .args(arguments)
        .output()
        .unwrap()
}

/// A gateway that runs; it is killed if it is dropped.
pub(crate) struct Gateway {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    _directory: Arc<TempDir>,
}

impl Gateway {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn fetch(&self, key: &str, path: &str, arguments: &[&str]) -> Fetched {
        curl::fetch(key, &self.url(path), arguments)
    }

    pub(crate) fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Ends it in order. Says what each key did.
    pub(crate) fn stop(mut self) -> Vec<Value> {
        self.terminate();
        let said = self
            .said
            .by_ref()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert!(self.child.wait().unwrap().success());
        said
    }

    /// Ends it at once, as kill -9 does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a gateway did for one key, as it says at its end.
pub(crate) fn of_key<'a>(said: &'a [Value], key: &str) -> &'a Value {
    said.iter().find(|line| line["key"] == key).unwrap()
}
