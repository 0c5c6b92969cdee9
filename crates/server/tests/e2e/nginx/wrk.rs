//! The load on NGINX, by wrk.

use std::process::Stdio;

use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{
    super::{
        hub::Place,
        programs::{DEADLINE, run},
    },
    load::Received,
};

/// How many connections it has. Each may be within a request when it ends.
pub(super) const CONNECTIONS: u64 = 8;

/// The same paths as those of the other load, and at the end what was received.
const SCRIPT: &str = r#"
local number = 0
function request()
    number = number + 1
    local kind = number % 10
    local path = kind == 0 and "/missing" or "/size/" .. (kind == 1 and 40000 or number % 1000)
    return wrk.format("GET", path)
end
function done(summary)
    io.write(string.format("\nreceived %d %d\n", summary.requests, summary.bytes))
end
"#;

/// `wrk`, until it is told to end.
pub(super) struct Wrk(Child);

impl Wrk {
    pub(super) fn start(place: &Place, port: u16) -> Self {
        let mut wrk = Command::new("wrk");
        wrk.args([
            "--threads",
            "2",
            "--connections",
            &CONNECTIONS.to_string(),
            "--duration",
            "1h",
        ])
        .args(["--header", "Authorization: Basic YWNtZTp4"])
        .args(["--script", &place.write("load.lua", SCRIPT)])
        .arg(format!("http://127.0.0.1:{port}/"));
        wrk.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        Wrk(wrk.spawn().unwrap())
    }

    /// SIGINT, at which it says what it received.
    pub(super) async fn end(self, place: &Place) -> Received {
        let id = self.0.id().unwrap().to_string();
        run("kill", &["-INT", &id], place.path(), "").await.ok();
        let said = timeout(DEADLINE, self.0.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let received = said.lines().find_map(|line| line.strip_prefix("received "));
        let (calls, bytes) = received.and_then(|numbers| numbers.split_once(' ')).expect(&said);
        Received {
            calls: calls.parse().unwrap(),
            bytes: bytes.parse().unwrap(),
        }
    }
}
