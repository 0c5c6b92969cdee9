//! Clients that know to the byte what they received.

use std::{
    io,
    ops::Add,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::server::Nginx;

const CLIENTS: u64 = 8;

pub(super) struct Load(JoinSet<Received>);

#[derive(Default)]
struct Progress {
    next: AtomicU64,
    until: u64,
    pause: Duration,
}

/// Whole responses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Received {
    pub(super) calls: u64,
    pub(super) bytes: u64,
}

impl Load {
    /// So many requests, as fast as they are answered.
    pub(super) fn start(nginx: &Nginx, requests: u64) -> Self {
        Self::run(nginx, requests, CLIENTS, Duration::ZERO)
    }

    /// One after the other, so that no buffer is full.
    pub(super) fn start_paced(nginx: &Nginx, requests: u64) -> Self {
        Self::run(nginx, requests, 1, Duration::from_millis(20))
    }

    fn run(nginx: &Nginx, requests: u64, clients: u64, pause: Duration) -> Self {
        let progress = Arc::new(Progress {
            next: AtomicU64::new(0),
            until: requests,
            pause,
        });
        let port = nginx.port;
        Load((0..clients).map(|_| client(port, progress.clone())).collect())
    }

    pub(super) async fn end(self) -> Received {
        self.0
            .join_all()
            .await
            .into_iter()
            .fold(Received::default(), Received::add)
    }
}

impl Add for Received {
    type Output = Received;

    fn add(self, more: Received) -> Received {
        Received {
            calls: self.calls + more.calls,
            bytes: self.bytes + more.bytes,
        }
    }
}

/// Sends requests over connections that are kept, and goes on with another connection when one breaks.
async fn client(port: u16, progress: Arc<Progress>) -> Received {
    let mut received = Received::default();
    let mut stream = None;
    loop {
        let number = progress.next.fetch_add(1, Ordering::Relaxed);
        if number >= progress.until {
            return received;
        }
        if stream.is_none() {
            stream = TcpStream::connect(("127.0.0.1", port)).await.ok();
        }
        match &mut stream {
            Some(connection) => match exchange(connection, &path(number)).await {
                Ok(bytes) => {
                    received.calls += 1;
                    received.bytes += bytes;
                }
                Err(_) => stream = None,
            },
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        if !progress.pause.is_zero() {
            tokio::time::sleep(progress.pause).await;
        }
    }
}

/// One request.
pub(super) async fn get(port: u16, path: &str) -> io::Result<Received> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let bytes = exchange(&mut stream, path).await?;
    Ok(Received { calls: 1, bytes })
}

fn path(number: u64) -> String {
    match number % 10 {
        0 => "/missing".to_owned(),
        1 => "/size/40000".to_owned(),
        _ => format!("/size/{}", number % 1_000),
    }
}

async fn exchange(stream: &mut TcpStream, path: &str) -> io::Result<u64> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: tiles\r\nAuthorization: Basic YWNtZTp4\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 8_192];
        let length = stream.read(&mut part).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..length]);
        if let Some(whole) = response_bytes(&bytes)
            && bytes.len() >= whole
        {
            assert_eq!(bytes.len(), whole);
            return Ok(whole as u64);
        }
    }
}

/// How long the response is, headers and body, once its headers are there.
fn response_bytes(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8(bytes[..head].to_ascii_lowercase()).unwrap();
    let body = text
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "));
    Some(head + body.map_or(0, |bytes| bytes.parse().unwrap()))
}
