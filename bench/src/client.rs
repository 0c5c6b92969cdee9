//! A blocking HTTP/1.1 client over TCP or TLS, made to cost little beside what it measures.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// A server that was started, and what it wants of clients.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Sent as `Authorization: Bearer` if there is one.
    pub key: Option<String>,
    /// How to verify it; plain HTTP if there is none.
    pub tls: Option<Arc<ClientConfig>>,
}

/// How long a server may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// A configuration that trusts this authority only.
///
/// # Errors
/// The file cannot be read or holds no certificate.
pub fn trust(ca: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).with_context(|| format!("cannot read {}", ca.display()))? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Endpoint {
    /// `http` or `https`, and the address.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// A request as it is sent. `headers` is empty or lines that each end in `\r\n`.
    #[must_use]
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let key = self
            .key
            .as_ref()
            .map_or_else(String::new, |key| format!("Authorization: Bearer {key}\r\n"));
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{key}{headers}Content-Length: {length}\r\n\r\n",
            self.address
        );
        [head.as_bytes(), body].concat()
    }

    /// Connects, and shakes hands under TLS.
    ///
    /// # Errors
    /// There is nobody, or it is not who it should be.
    pub fn connect(&self) -> Result<Connection> {
        let tcp = TcpStream::connect(self.address).with_context(|| format!("cannot connect to {}", self.url()))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(SILENCE_MAX))?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let mut tls = StreamOwned::new(ClientConnection::new(config.clone(), name)?, tcp);
                while tls.conn.is_handshaking() {
                    tls.conn.complete_io(&mut tls.sock)?;
                }
                Stream::Tls(Box::new(tls))
            }
        };
        Ok(Connection {
            stream,
            incoming: Incoming::new(),
        })
    }

    /// One request on a connection of its own, answered with success.
    ///
    /// # Errors
    /// No connection, no answer, or another status than 2xx.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Vec<u8>> {
        let answer = self
            .connect()?
            .exchange(&self.request(method, path, headers, body), Keep::Body)?;
        ensure!(
            answer.is_success(),
            "{method} {path} was answered {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(answer.body)
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Stream::Plain(_) => "Plain",
            Stream::Tls(_) => "Tls",
        })
    }
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
        }
    }
}

/// A connection that is kept alive; one request at a time.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    incoming: Incoming,
}

/// What was read and not used yet.
#[derive(Debug)]
struct Incoming {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

/// No header of an answer is longer, and no more is read at a time.
const INCOMING_BYTES: usize = 64 << 10;

impl Incoming {
    fn new() -> Self {
        Incoming {
            bytes: vec![0; INCOMING_BYTES].into(),
            start: 0,
            end: 0,
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn used(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Reads more behind what is there.
    fn fill(&mut self, stream: &mut Stream) -> Result<()> {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        ensure!(!room.is_empty(), "the header of an answer does not end");
        let read = stream.read(room)?;
        ensure!(read > 0, "the server closed the connection");
        self.end += read;
        Ok(())
    }
}

/// What happens to the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is in the answer.
    Body,
    /// It is read and counted.
    Nothing,
    /// The same, at most so many bytes a second.
    NothingAt(u64),
}

/// An answer that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Bytes of the body as they were sent.
    pub length: u64,
    /// The body, if it was to be kept.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

enum Framing {
    Length(u64),
    Chunked,
}

impl Connection {
    /// Sends a request and reads its answer whole.
    ///
    /// # Errors
    /// The connection breaks, or what comes is not HTTP.
    pub fn exchange(&mut self, request: &[u8], keep: Keep) -> Result<Answer> {
        self.stream.write_all(request)?;
        self.answer(keep)
    }

    /// Sends a request and reads of its answer until it ends or `over` says so; the connection is of no use then.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn read_until(mut self, request: &[u8], keep: Keep, over: &dyn Fn() -> bool) -> Result<()> {
        const STEP: u64 = 16 << 10;
        self.stream.write_all(request)?;
        let mut forgotten = Answer {
            status: 0,
            length: 0,
            body: Vec::new(),
        };
        self.head()?;
        // Where chunks end does not matter to somebody who reads slowly.
        while !over() {
            self.take(STEP, &mut forgotten, keep)?;
        }
        Ok(())
    }

    fn answer(&mut self, keep: Keep) -> Result<Answer> {
        let (status, framing) = self.head()?;
        let mut answer = Answer {
            status,
            length: 0,
            body: Vec::new(),
        };
        match framing {
            Framing::Length(length) => self.take(length, &mut answer, keep)?,
            Framing::Chunked => loop {
                let line = self.line()?;
                let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                    .with_context(|| format!("{line:?} is not the length of a chunk"))?;
                self.take(size, &mut answer, keep)?;
                ensure!(self.line()?.is_empty(), "a chunk is longer than it says");
                if size == 0 {
                    break;
                }
            },
        }
        Ok(answer)
    }

    fn head(&mut self) -> Result<(u16, Framing)> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(length) = response.parse(self.incoming.get())? {
                let status = response.code.unwrap_or_default();
                let framing = framing(status, response.headers)?;
                self.incoming.used(length);
                return Ok((status, framing));
            }
            self.incoming.fill(&mut self.stream)?;
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            let there = self.incoming.get();
            if let Some(end) = there.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8(there.iter().take(end).copied().collect())?;
                self.incoming.used(end + 2);
                return Ok(line);
            }
            self.incoming.fill(&mut self.stream)?;
        }
    }

    fn take(&mut self, length: u64, answer: &mut Answer, keep: Keep) -> Result<()> {
        let mut left = length;
        while left > 0 {
            if self.incoming.get().is_empty() {
                self.incoming.fill(&mut self.stream)?;
            }
            let there = self.incoming.get();
            let taken = there.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if keep == Keep::Body {
                answer.body.extend_from_slice(there.get(..taken).unwrap_or_default());
            }
            self.incoming.used(taken);
            left -= taken as u64;
            if let Keep::NothingAt(rate) = keep {
                std::thread::sleep(Duration::from_secs(1).mul_f64(taken as f64 / rate.max(1) as f64));
            }
        }
        answer.length += length;
        Ok(())
    }
}

fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Result<Framing> {
    for header in headers {
        let value = std::str::from_utf8(header.value)?.trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            return Ok(Framing::Length(value.parse()?));
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            return Ok(Framing::Chunked);
        }
    }
    ensure!(status == 204 || status == 304, "an answer does not say how long it is");
    Ok(Framing::Length(0))
}
