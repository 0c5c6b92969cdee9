//! A server that gives the answers that it is told to give.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use nexus_client::{Builder, Client};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Gives these answers, one to each request, the last one for ever: for what a real hub says too seldom.
pub(crate) struct Answers {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    /// Each is a status with its reason, headers, and a body.
    pub(crate) async fn new(answers: &[&str]) -> Answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heads = requests.clone();
        let answers: Arc<[String]> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), heads.clone()));
            }
        });
        Answers { address, requests }
    }

    pub(crate) fn builder(&self) -> Builder {
        Client::builder(format!("http://{}", self.address)).key(crate::harness::KEY)
    }

    /// The requests' first lines and headers.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The idempotency key of each request.
    pub(crate) fn keys(&self) -> Vec<Option<String>> {
        let key = |head: &String| {
            let lines = head.lines().map(|line| line.split_once(": "));
            lines
                .flatten()
                .find(|(name, _)| *name == "idempotency-key")
                .map(|(_, key)| key.to_owned())
        };
        self.requests().iter().map(key).collect()
    }
}

/// A status line's rest, headers if any, and a body, as HTTP has it.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

async fn serve(stream: TcpStream, answers: Arc<[String]>, requests: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(head) = head(&mut stream).await {
        let lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
        let length = lengths.map(|length| length.parse::<usize>().unwrap()).sum();
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let answer = {
            let mut requests = requests.lock().unwrap();
            requests.push(head);
            answers.get(requests.len() - 1).or(answers.last()).unwrap().clone()
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}
