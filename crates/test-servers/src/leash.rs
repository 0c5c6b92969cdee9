//! A server that ends with the test: by its handle, by a panic, or by the end of the test process, however that comes.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Starts the program with its output in a file, says its process id, and waits until nobody holds the other end of its
/// standard input; then the program gets the signal and the directory goes. The kernel closes that end with the process
/// that holds it, so that even a test that was killed leaves nothing behind.
const KEEPER: &str = r#"
trap '' INT TERM HUP
signal=$1 directory=$2
shift 2
"$@" </dev/null >>"$directory/output" 2>&1 &
program=$!
echo $program
read -r keep
kill -s "$signal" $program
wait $program
if [ "$keep" != keep ]; then rm -rf "$directory"; fi
"#;

/// How a server is told to end.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// At once, with nothing saved.
    Kill,
    /// For PostgreSQL at once too, but its shared memory is given back.
    Quit,
}

/// A running server. Dropped, it is ended, and its directory removed.
#[derive(Debug)]
pub struct Leash {
    keeper: Child,
    directory: PathBuf,
    ended: bool,
}

impl Leash {
    /// Starts a program whose files lie in a directory; the leash owns that directory.
    pub fn start(command: &[String], directory: &Path, signal: Signal) -> Leash {
        let signal = match signal {
            Signal::Kill => "KILL",
            Signal::Quit => "QUIT",
        };
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", signal])
            .arg(directory)
            .args(command)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let mut pid = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut pid)
            .expect("the keeper says the process id");
        pid.trim().parse::<u32>().expect("a process id");
        Leash {
            keeper,
            directory: directory.to_owned(),
            ended: false,
        }
    }

    /// Ends the server and waits for its end; the directory stays, for a server to be started on it again.
    pub fn end_and_keep_the_files(mut self) {
        use std::io::Write;
        let mut stdin = self.keeper.stdin.take().unwrap();
        stdin.write_all(b"keep\n").expect("the keeper listens");
        self.keeper.wait().expect("the keeper ends");
        self.ended = true;
    }

    /// What the server printed so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.directory.join("output")).unwrap_or_default()
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if !self.ended {
            drop(self.keeper.stdin.take());
            let _ = self.keeper.wait();
        }
    }
}
