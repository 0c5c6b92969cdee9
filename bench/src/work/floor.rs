//! What no server can go below: the same bytes through memory, through a socket, through `gzip -1`.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::run::time;

/// Copies bytes to a place that is there already.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> Result<f64> {
    time(|| {
        to.copy_from_slice(std::hint::black_box(from));
        std::hint::black_box(to);
        Ok(())
    })
}

/// Sends bytes through a loopback socket to another thread, which reads them as the measuring client does.
pub(super) fn loopback(bytes: &[u8]) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    time(|| {
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || sender.write_all(bytes));
            let mut buffer = vec![0; 64 << 10];
            let mut left = bytes.len();
            while left > 0 {
                let read = receiver.read(&mut buffer)?;
                ensure!(read > 0, "the sender went away");
                left -= read;
            }
            sending
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(())
        })
    })
}

/// Compresses the file's bytes with `gzip -1` and throws the result away.
pub(super) fn gzip(file: &Path) -> Result<f64> {
    time(|| {
        let status = Command::new("gzip")
            .args(["-1", "-c"])
            .stdin(File::open(file)?)
            .stdout(Stdio::null())
            .status()
            .context("cannot run gzip")?;
        ensure!(status.success(), "gzip failed");
        Ok(())
    })
}
