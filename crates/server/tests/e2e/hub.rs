//! The program as a user starts it.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::programs::{DEADLINE, Said, run};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_metric-nexus");

/// A directory to start hubs in, one after the other; their state is in `state/`.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<TempDir>);

impl Place {
    pub(crate) fn new() -> Self {
        Place(Arc::new(tempfile::tempdir().unwrap()))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A file with this text; its path as text.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.file(name), text).unwrap();
        self.file(name).display().to_string()
    }

    /// Asks the hub that began here for a metric that it does not have, so often with this key; how many of the requests were
    /// not refused.
    pub(crate) async fn unknown_metric(&self, url: &str, key: &str, count: usize) -> usize {
        let (key, target) = (format!("X-API-Key: {key}"), format!("{url}/team_nothing?n=[1-{count}]"));
        let arguments = [
            "-sS",
            "--cacert",
            "state/tls/ca.pem",
            "-H",
            &key,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}\n",
            &target,
        ];
        let said = run("curl", &arguments, self.path(), "").await.ok();
        let statuses: Vec<&str> = said.lines().collect();
        assert_eq!(statuses.len(), count, "{said}");
        statuses.iter().filter(|status| **status == "404").count()
    }

    /// The admin key that the first start left in its file.
    pub(crate) fn admin_key(&self) -> String {
        fs::read_to_string(self.file("state/admin.key"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// `metric-nexus` with these arguments, to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        run(PROGRAM, arguments, self.path(), "").await
    }

    /// Makes a key beside a hub that may be running, as `metric-nexus key new` does.
    pub(crate) async fn new_key(&self, arguments: &[&str]) -> String {
        let said = self.run(&[&["key", "new", "--create"], arguments].concat()).await;
        said.ok().trim().to_owned()
    }

    /// Starts a hub on a free port.
    pub(crate) async fn hub(&self, arguments: &[&str]) -> Hub {
        self.hub_on("127.0.0.1:0", arguments).await
    }

    pub(crate) async fn hub_on(&self, listen: &str, arguments: &[&str]) -> Hub {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.file("log"))
            .unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .args(["serve", "--listen", listen])
            .args(arguments)
            .current_dir(self.path());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("METRIC_NEXUS_") {
                command.env_remove(name);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(DEADLINE, said.next_line())
            .await
            .expect("the hub says where it listens")
            .unwrap();
        let Some(first) = first else {
            panic!(
                "the hub did not start: {}",
                fs::read_to_string(self.file("log")).unwrap()
            );
        };
        let url = first.rsplit(' ').next().unwrap().to_owned();
        let address = url
            .split("//")
            .nth(1)
            .unwrap()
            .parse()
            .expect("the first line ends in the address");
        Hub {
            place: self.clone(),
            child,
            said,
            first,
            url,
            address,
        }
    }
}

/// A hub that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) place: Place,
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    first: String,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
}

impl Hub {
    /// All that it prints at a first start, which ends in a blank line after the lines to paste.
    pub(crate) async fn banner(&mut self) -> Vec<String> {
        let mut lines = vec![self.first.clone()];
        let mut blanks = 0;
        while blanks < 2 {
            let line = timeout(DEADLINE, self.said.next_line()).await.unwrap().unwrap();
            let line = line.expect("the banner has lines to paste and ends in a blank line");
            blanks += usize::from(line.is_empty());
            lines.push(line);
        }
        lines
    }

    /// `kill -9`, and waits for the end.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        run("kill", &["-TERM", &id], self.place.path(), "").await.ok();
    }

    /// The end, which has been called for.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait())
            .await
            .expect("the hub ends in time")
            .unwrap()
    }

    /// SIGTERM, and waits for an orderly end.
    pub(crate) async fn stop(self) {
        self.terminate().await;
        assert_eq!(self.ended().await.code(), Some(0));
    }

    /// Asks by curl, with the admin key; the answer's status and body.
    pub(crate) async fn curl(&self, arguments: &[&str], path: &str) -> (u16, String) {
        let bearer = format!("Authorization: Bearer {}", self.place.admin_key());
        let url = format!("{}{path}", self.url);
        let ours = [
            "-sSg",
            "--cacert",
            "state/tls/ca.pem",
            "-H",
            &bearer,
            "-w",
            "\n%{http_code}",
            &url,
        ];
        let answer = run("curl", &[&ours, arguments].concat(), self.place.path(), "")
            .await
            .ok();
        let (body, status) = answer.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// A request that must succeed.
    pub(crate) async fn ok(&self, arguments: &[&str], path: &str) -> String {
        let (status, body) = self.curl(arguments, path).await;
        assert!((200..300).contains(&status), "{arguments:?} {path}: {status} {body}");
        body
    }
}
