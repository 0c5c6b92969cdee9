//! A proxy that loses what a server says.

use std::{
    io::{Read, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crate::server::{Server, url};

/// A proxy before a server that loses answers: a `COMMIT` is delivered, and the connection cut in place of the answer.
#[derive(Clone)]
pub struct Proxy {
    port: u16,
    losses: Arc<AtomicUsize>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub fn before(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            losses: Arc::default(),
            open: Arc::default(),
        };
        let (accepting, server) = (proxy.clone(), server.port());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                    accepting.serve(client.unwrap(), server);
                }
            }
        });
        proxy
    }

    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Loses the answers to the next commits.
    pub fn lose_commits(&self, count: usize) {
        self.losses.fetch_add(count, Ordering::SeqCst);
    }

    /// How many answers are still to be lost.
    pub fn to_lose(&self) -> usize {
        self.losses.load(Ordering::SeqCst)
    }

    /// Cuts every connection, wherever it is.
    pub fn cut_all(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(&self, client: TcpStream, server: TcpStream) {
        let is_lost = Arc::new(AtomicBool::new(false));
        let (losses, loses) = (self.losses.clone(), is_lost.clone());
        self.open.lock().unwrap().push(client.try_clone().unwrap());
        let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            pump(client, server, |request| {
                let is_commit = request.windows(6).any(|word| word == b"COMMIT");
                let one_less = |left: usize| left.checked_sub(1);
                if is_commit
                    && losses
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                        .is_ok()
                {
                    loses.store(true, Ordering::SeqCst);
                }
                true
            });
        });
        std::thread::spawn(move || pump(back.0, back.1, |_| !is_lost.load(Ordering::SeqCst)));
    }
}

/// Passes on what `may_pass`; the first that may not cuts the connection.
fn pump(mut from: TcpStream, mut to: TcpStream, may_pass: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !may_pass(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
