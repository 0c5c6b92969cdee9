//! One connection that is kept, without any of a client library's retries.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::super::{hub::Place, programs::DEADLINE};

/// A request, which may be sent again as it is.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: String,
    /// The `Idempotency-Key`.
    pub(super) id: Option<String>,
}

impl Request {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Request {
            method,
            path: path.into(),
            body: String::new(),
            id: None,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// `Idempotency-Replayed: true`
    pub(super) replayed: bool,
    /// The connection stays.
    kept: bool,
}

/// Why there was no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// There was no connection, so nothing happened.
    Unsent,
    /// It may or may not have happened.
    Unknown,
}

/// One connection, opened again where it was closed.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    key: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(super) fn new(address: SocketAddr, place: &Place) -> Self {
        Client {
            address,
            key: place.admin_key(),
            connection: None,
        }
    }

    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, Failed> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(self.address).await.map_err(|_| Failed::Unsent)?),
        };
        let exchange = exchange(&mut connection, request, &self.key);
        let answer = timeout(DEADLINE, exchange).await.expect("the hub answers in time");
        let answer = answer.map_err(|_| Failed::Unknown)?;
        self.connection = answer.kept.then_some(connection);
        Ok(answer)
    }
}

async fn exchange(connection: &mut BufReader<TcpStream>, request: &Request, key: &str) -> io::Result<Answer> {
    let Request { method, path, body, id } = request;
    let id = id
        .as_ref()
        .map_or_else(String::new, |id| format!("Idempotency-Key: {id}\r\n"));
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {key}\r\n{id}Content-Length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await?;
    let head = head(connection).await?;
    let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |name: &str| {
        let value = head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map_or("", str::trim)
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    connection.read_exact(&mut body).await?;
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        body: String::from_utf8_lossy(&body).into_owned(),
        replayed: header("idempotency-replayed") == "true",
        kept: header("connection") != "close",
    })
}

/// Status line and headers, in lower case.
async fn head(connection: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => return Ok(head),
            line => head.push(line.to_ascii_lowercase()),
        }
    }
}
