//! curl, as the client of the gateway.

use std::process::Command;

/// What curl says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// As curl ended: 0 if all went well, 18 if the body was cut.
    pub(crate) exit: i32,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<u64>,
    /// Bytes of bodies.
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    /// Bytes of heads.
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    /// As long as it is text.
    pub(crate) body: String,
}

pub(crate) fn is_there() -> bool {
    Command::new("curl").arg("--version").output().is_ok()
}

/// The last line of the output; the body stands before it.
const FIGURES: &str = "\n%{http_code}|%{content_type}|%header{retry-after}|%{size_download}|%{size_upload}|%{size_request}|%{size_header}";

pub(crate) fn fetch(key: &str, url: &str, arguments: &[&str]) -> Fetched {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "--write-out", FIGURES]);
    if !key.is_empty() {
        curl.args(["--header", &format!("X-API-Key: {key}")]);
    }
    let output = curl.args(arguments).arg(url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (body, figures) = text.rsplit_once('\n').unwrap();
    let figures: Vec<&str> = figures.split('|').collect();
    let number = |at: usize| figures[at].parse().unwrap();
    Fetched {
        exit: output.status.code().unwrap(),
        status: figures[0].parse().unwrap(),
        content_type: figures[1].to_owned(),
        retry_after: figures[2].parse().ok(),
        downloaded: number(3),
        uploaded: number(4),
        asked: number(5),
        answered: number(6),
        body: body.to_owned(),
    }
}
