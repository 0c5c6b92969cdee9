//! Programs that are not ours.

use std::{path::Path, process::Stdio, time::Duration};

pub(crate) use nexus_test_servers::{DEADLINE, require};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Its output, if it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// Runs a program to its end.
pub(crate) async fn run(program: impl AsRef<Path>, arguments: &[&str], directory: &Path, input: &str) -> Said {
    run_with(program, arguments, directory, input, &[]).await
}

/// Runs a program to its end, with these variables in its environment.
pub(crate) async fn run_with(
    program: impl AsRef<Path>,
    arguments: &[&str],
    directory: &Path,
    input: &str,
    variables: &[(&str, &str)],
) -> Said {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(directory).kill_on_drop(true);
    command.envs(variables.iter().copied());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().unwrap();
    let feed = async move {
        // A program need not read all that it is given.
        let _ = stdin.write_all(input.as_bytes()).await;
    };
    let both = async { tokio::join!(feed, child.wait_with_output()).1 };
    let output = timeout(DEADLINE, both)
        .await
        .expect("the program ends in time")
        .unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    until_within(what, DEADLINE, ask).await
}

/// The same for what may take longer.
pub(crate) async fn until_within<T>(
    what: &str,
    deadline: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let mut last = String::new();
    let asking = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(not_yet) => last = not_yet,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match timeout(deadline, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("waited in vain until {what}: {last}"),
    }
}
