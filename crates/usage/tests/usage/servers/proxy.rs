//! A TCP proxy before a server, which can do to a connection what networks do.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::LazyLock,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
    task::JoinHandle,
};

/// What the proxy does with what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Passes everything on.
    Fair,
    /// Delivers requests; the connection is cut in place of the first byte of an answer.
    CutAnswers,
    /// Delivers requests; answers vanish, the connection stays.
    LoseAnswers,
    /// Takes connections and bytes, and passes nothing on, in neither direction.
    BlackHole,
    /// Passes everything on, each piece so much later.
    Slow(Duration),
    /// Cuts what is open and takes no connection.
    Down,
}

/// Where the proxies run: they outlive the test that started them when it started them for all.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    });
    &RUNTIME
}

/// A running proxy; dropped, it and its connections end.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts one, in fair weather, before a server on loopback.
    pub(crate) fn before(server: u16) -> Proxy {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (weather, seen) = watch::channel(Weather::Fair);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
        let accepting = runtime().spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    return;
                };
                tokio::spawn(serve(client, server, seen.clone()));
            }
        });
        Proxy {
            port,
            weather,
            accepting,
        }
    }

    /// Where it listens on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where a client of Redis finds it.
    pub(crate) fn address(&self) -> nexus_usage::RedisAddress {
        format!("127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// What it does from here on, also with open connections.
    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // Connections end with the sender of their weather.
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

async fn serve(client: TcpStream, server: SocketAddr, weather: watch::Receiver<Weather>) {
    if *weather.borrow() == Weather::Down {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::select! {
        () = cut(weather.clone()) => {}
        () = pump(client_reads, server_writes, Direction::Request, &weather) => {}
        () = pump(server_reads, client_writes, Direction::Answer, &weather) => {}
    }
}

/// Returns when connections are to be cut: in that weather, and at the end of the proxy.
async fn cut(mut weather: watch::Receiver<Weather>) {
    let _ = weather.wait_for(|weather| *weather == Weather::Down).await;
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    weather: &watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let now = *weather.borrow();
        match (now, direction) {
            (Weather::CutAnswers, Direction::Answer) | (Weather::Down, _) => return,
            // TCP never passes on what comes after a gap: a connection that lost something is cut when the weather turns.
            (Weather::LoseAnswers, Direction::Answer) | (Weather::BlackHole, _) => {
                let _ = weather.clone().wait_for(|weather| *weather != now).await;
                return;
            }
            (Weather::Slow(delay), _) => tokio::time::sleep(delay).await,
            (Weather::Fair, _) | (Weather::CutAnswers | Weather::LoseAnswers, Direction::Request) => {}
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
