//! Requests as bytes, answers as bytes: nothing in between that could tidy up either.

use std::{
    fmt,
    io::{self, Read},
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{DEADLINE, Hub, fits};

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A request that is not sent yet.
#[derive(Debug)]
pub(crate) struct Request<'h> {
    hub: &'h Hub,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    key: Option<String>,
    body: Vec<u8>,
}

impl Hub {
    /// A request with any method; the target as it goes over the wire.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request {
            hub: self,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            key: Some(self.key.clone()),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(&self, target: &str) -> Request<'_> {
        self.request("GET", target)
    }

    pub(crate) fn put(&self, target: &str) -> Request<'_> {
        self.request("PUT", target)
    }

    pub(crate) fn post(&self, target: &str) -> Request<'_> {
        self.request("POST", target)
    }

    pub(crate) fn delete(&self, target: &str) -> Request<'_> {
        self.request("DELETE", target)
    }

    /// One row of a table: `METHOD /target`, a body, and status and body of the answer, where `…` stands for anything.
    pub(crate) async fn check(&self, request: &str, body: impl AsRef<[u8]>, expected: &str) {
        let (method, target) = request.split_once(' ').unwrap();
        let reply = self.request(method, target).body(body).send().await;
        assert!(
            fits(&reply.line(), expected),
            "{request}: {reply} instead of {expected:?}"
        );
    }

    /// Asks for a value, which is to be there.
    pub(crate) async fn value(&self, target: &str) -> String {
        let reply = self.get(target).send().await;
        assert_eq!(reply.status, 200, "{target}: {reply}");
        reply.text()
    }

    /// Sends a batch, which is to succeed.
    pub(crate) async fn batch(&self, body: impl AsRef<[u8]>) {
        let reply = self.post("/api/v1/batch").body(body).send().await;
        assert_eq!(reply.status, 200, "{reply}");
    }

    /// A connection on which nothing was said yet.
    pub(crate) async fn connect(&self) -> Box<dyn Stream> {
        self.try_connect().await.unwrap()
    }

    async fn try_connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let connector = TlsConnector::from(config.clone());
                Box::new(connector.connect(name, stream).await?)
            }
        })
    }

    /// Sends bytes, and gives all that comes back until the hub ends the connection.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        talk(self.connect().await, bytes).await
    }
}

async fn talk(stream: Box<dyn Stream>, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = split(stream);
    let mut answer = Vec::new();
    // Whoever is refused while he still talks must hear it.
    let say = async {
        drop(to.write_all(bytes).await);
        drop(to.flush().await);
    };
    let both = async { tokio::join!(say, from.read_to_end(&mut answer)) };
    // A connection that is reset has still said what it said.
    drop(timeout(DEADLINE, both).await.expect("no end of the answer"));
    answer
}

impl Request<'_> {
    /// Adds a query parameter.
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        let pair = form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        let separator = if self.target.contains('?') { '&' } else { '?' };
        self.target.push(separator);
        self.target.push_str(&pair);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn no_key(mut self) -> Self {
        self.key = None;
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_owned();
        self
    }

    /// The request as it goes over the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let key = self
            .key
            .iter()
            .map(|key| ("authorization".to_owned(), format!("Bearer {key}")));
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.target,
            self.body.len()
        );
        for (name, value) in key.chain(self.headers.iter().cloned()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }

    pub(crate) async fn send(self) -> Reply {
        let answer = self.hub.exchange(&self.to_bytes()).await;
        Reply::read(&answer, self.method == "HEAD").unwrap_or_else(|| panic!("no answer: {self:?}"))
    }

    /// Sends it to a hub that may end meanwhile; nothing if there is no whole answer.
    pub(crate) async fn try_send(self) -> Option<Reply> {
        let stream = self.hub.try_connect().await.ok()?;
        Reply::read(&talk(stream, &self.to_bytes()).await, self.method == "HEAD")
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In the order in which they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As it was sent, but without its chunks.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// None if it ends before its body.
    fn read(bytes: &[u8], head_only: bool) -> Option<Self> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let mut reply = Reply {
            status: status.get(..3).unwrap().parse().unwrap(),
            headers,
            body: bytes[end + 4..].to_owned(),
        };
        if reply.header("transfer-encoding") == Some("chunked") && !head_only {
            reply.body = unchunked(&reply.body);
        }
        let length = reply.header("content-length").filter(|_| !head_only);
        if let Some(length) = length {
            assert_eq!(length, reply.body.len().to_string(), "{reply}");
        }
        Some(reply)
    }

    /// The value of a header that may be there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice");
        value.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Status, a blank, and the body if there is one.
    pub(crate) fn line(&self) -> String {
        match &*self.body {
            [] => self.status.to_string(),
            body => format!("{} {}", self.status, String::from_utf8_lossy(body)),
        }
    }

    /// The body as it was before it was compressed.
    pub(crate) fn decoded(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self.header("content-encoding") {
            None => body.clone_from(&self.body),
            Some("gzip") => {
                let read = flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut body);
                read.unwrap();
            }
            Some("zstd") => body = zstd::decode_all(&*self.body).unwrap(),
            Some(other) => panic!("{other} was not asked for"),
        }
        body
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.line(), self.headers)
    }
}

/// Puts the chunks of a body together; the last one must be there.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = memchr::memmem::find(bytes, b"\r\n").expect("a chunk's length");
        let length = std::str::from_utf8(&bytes[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let chunk = &bytes[end + 2..];
        body.extend_from_slice(&chunk[..length]);
        assert_eq!(&chunk[length..length + 2], b"\r\n");
        bytes = &chunk[length + 2..];
        if length == 0 {
            assert!(bytes.is_empty());
            return body;
        }
    }
}
