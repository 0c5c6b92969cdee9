//! A PostgreSQL server of one's own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{MetadataExt as _, chown},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// Runs a program, says its process id, and ends it at once when nobody holds the other end of its standard input: the
/// kernel closes that end with the process that holds it, so that even a test that was killed leaves nothing behind.
const KEEPER: &str = r#"
trap '' INT TERM HUP
directory=$1
shift
"$@" </dev/null >>"$directory/output" 2>&1 &
program=$!
echo $program
read -r keep
kill -s QUIT $program
wait $program
if [ "$keep" != keep ]; then rm -rf "$directory"; fi
"#;

/// A running `postgres` on loopback. Its superuser is `postgres`. Dropped, it ends, and its directory goes.
pub struct Server {
    directory: PathBuf,
    port: u16,
    settings: &'static [&'static str],
    /// As whom to run: PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
    keeper: Option<(Child, ChildStdin)>,
}

impl Server {
    /// For tests: what a killed server wrote is in the kernel's hands, only a crash of the machine would take it.
    pub fn start() -> Option<Self> {
        Self::start_with(&["fsync=off", "shared_buffers=64MB"])
    }

    /// With some settings that are not its defaults. None, loudly, if its programs are not there; under `NEXUS_TEST_STRICT`
    /// what is missing fails.
    pub fn start_with(settings: &'static [&'static str]) -> Option<Self> {
        let missing: Vec<_> = ["initdb", "postgres", "pg_isready", "psql", "setpriv"]
            .into_iter()
            .filter(|program| find(program).is_none())
            .collect();
        if !missing.is_empty() {
            let said = format!("{missing:?} not found; scripts/setup installs what the tests need");
            assert!(std::env::var_os("NEXUS_TEST_STRICT").is_none(), "{said}");
            eprintln!("SKIPPED, nothing was tested: {said}");
            return None;
        }
        let directory = tempfile::Builder::new()
            .prefix("nexus-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let user = (std::fs::metadata(&directory).unwrap().uid() == 0).then(postgres_user);
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid), Some(gid)).unwrap();
        }
        let mut server = Server {
            directory,
            port: free_port(),
            settings,
            user,
            keeper: None,
        };
        let data = server.data();
        let make = [
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
            &data,
        ];
        server.run("initdb", &make);
        server.start_again();
        Some(server)
    }

    fn data(&self) -> String {
        self.directory.join("data").display().to_string()
    }

    /// Starts it on the same port and files, and waits until it takes queries.
    pub fn start_again(&mut self) {
        let (data, port) = (self.data(), self.port.to_string());
        let sockets = format!("unix_socket_directories={}", self.directory.display());
        let settings = ["listen_addresses=127.0.0.1", &sockets];
        let mut arguments = vec!["-D", &data, "-p", &port];
        let settings = settings.iter().chain(self.settings);
        settings.for_each(|setting| arguments.extend(["-c", setting]));
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&self.directory)
            .args(self.command("postgres", &arguments))
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut pid)
            .unwrap();
        let stdin = keeper.stdin.take().unwrap();
        self.keeper = Some((keeper, stdin));
        let deadline = Instant::now() + Duration::from_secs(60);
        let ready = self.command("pg_isready", &["-q", "-h", "127.0.0.1", "-p", &port]);
        while !Command::new(&ready[0]).args(&ready[1..]).status().unwrap().success() {
            let said = || std::fs::read_to_string(self.directory.join("output")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", said());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Ends it at once, as a crash of all its processes does.
    pub fn kill(&mut self) {
        let (mut keeper, mut stdin) = self.keeper.take().unwrap();
        stdin.write_all(b"keep\n").unwrap();
        keeper.wait().unwrap();
    }

    /// Makes an empty database.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("log_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// How to reach a database.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements and returns what they answer, unaligned and without headings.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let port = self.port.to_string();
        let ask = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-d",
            database,
            "-v",
            "ON_ERROR_STOP=1",
            "-qAtc",
        ];
        let ask: Vec<&str> = ask.into_iter().chain([statements]).collect();
        self.run("psql", &ask).trim_end().to_owned()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let mut command = Vec::new();
        if let Some((uid, gid)) = self.user {
            let become_user = [
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".to_owned(),
            ];
            command.push(find("setpriv").unwrap().display().to_string());
            command.extend(become_user);
        }
        command.push(find(program).unwrap().display().to_string());
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let command = self.command(program, arguments);
        let output = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut keeper, stdin)) = self.keeper.take() {
            drop(stdin);
            let _ = keeper.wait();
        }
    }
}

pub fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

/// The path of a program, also where Debian hides those of the PostgreSQL server.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let hidden = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    std::env::split_paths(&path)
        .chain(hidden.map(|version| version.path().join("bin")))
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// The account that Debian's package makes for the server.
fn postgres_user() -> (u32, u32) {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let account = accounts.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = account.expect("an account postgres").split(':').skip(2);
    let mut number = || fields.next().unwrap().parse().unwrap();
    (number(), number())
}

/// Below the range from which the kernel takes ports for outgoing connections, so that a server that is started again
/// finds its port free.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    let turns = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed)).take(14_000);
    turns
        .map(|turn| u16::try_from(18_000 + start.wrapping_add(turn) % 14_000).unwrap())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}
