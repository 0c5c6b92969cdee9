//! A TCP proxy before a server, which can do to a connection what networks do.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
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
pub enum Weather {
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
pub struct Proxy {
    port: u16,
    control: Arc<Control>,
    accepting: JoinHandle<()>,
}

/// What a proxy is told to do.
#[derive(Debug)]
struct Control {
    weather: watch::Sender<Weather>,
    /// How often everything was cut.
    cuts: watch::Sender<u64>,
    commits_to_lose: AtomicUsize,
}

impl Proxy {
    /// Starts one, in fair weather, before a server on loopback.
    pub fn before(server: u16) -> Proxy {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
        let control = Arc::new(Control {
            weather: watch::Sender::new(Weather::Fair),
            cuts: watch::Sender::new(0),
            commits_to_lose: AtomicUsize::new(0),
        });
        let accepting = runtime().spawn(accept(listener, server, control.clone()));
        Proxy {
            port,
            control,
            accepting,
        }
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a client finds it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Loses the answers to the next messages that say `COMMIT`: they are delivered, and the connection is cut in place of the
    /// answer.
    pub fn lose_commits(&self, count: usize) {
        self.control.commits_to_lose.fetch_add(count, Ordering::SeqCst);
    }

    /// How many such answers are still to be lost.
    pub fn commits_to_lose(&self) -> usize {
        self.control.commits_to_lose.load(Ordering::SeqCst)
    }

    /// Cuts every connection, wherever it is; new ones are taken.
    pub fn cut_all(&self) {
        self.control.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// What it does from here on, also with open connections.
    pub fn set(&self, weather: Weather) {
        self.control.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_all();
    }
}

async fn accept(listener: std::net::TcpListener, server: SocketAddr, control: Arc<Control>) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(client, server, control.clone()));
    }
}

async fn serve(client: TcpStream, server: SocketAddr, control: Arc<Control>) {
    let (mut weather, mut cuts) = (control.weather.subscribe(), control.cuts.subscribe());
    if *weather.borrow() == Weather::Down {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let answer_is_lost = AtomicBool::new(false);
    let pump = Pump {
        control: &control,
        answer_is_lost: &answer_is_lost,
    };
    tokio::select! {
        _ = weather.wait_for(|weather| *weather == Weather::Down) => {}
        _ = cuts.changed() => {}
        () = pump.requests(client_reads, server_writes) => {}
        () = pump.answers(server_reads, client_writes) => {}
    }
}

/// What passes in both directions of one connection.
struct Pump<'a> {
    control: &'a Control,
    answer_is_lost: &'a AtomicBool,
}

impl Pump<'_> {
    async fn requests(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let piece = &buffer[..count];
            match self.weather() {
                Weather::Down => return,
                now @ Weather::BlackHole => return self.weather_changes_from(now).await,
                Weather::Slow(delay) => tokio::time::sleep(delay).await,
                Weather::Fair | Weather::CutAnswers | Weather::LoseAnswers => {}
            }
            if piece.windows(6).any(|word| word == b"COMMIT") && self.takes_a_loss() {
                self.answer_is_lost.store(true, Ordering::SeqCst);
            }
            if to.write_all(piece).await.is_err() {
                return;
            }
        }
    }

    async fn answers(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            match self.weather() {
                Weather::CutAnswers | Weather::Down => return,
                now @ (Weather::LoseAnswers | Weather::BlackHole) => return self.weather_changes_from(now).await,
                Weather::Slow(delay) => tokio::time::sleep(delay).await,
                Weather::Fair => {}
            }
            if self.answer_is_lost.load(Ordering::SeqCst) || to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }

    fn weather(&self) -> Weather {
        *self.control.weather.borrow()
    }

    /// TCP never passes on what comes after a gap: a connection that lost something is cut when the weather turns.
    async fn weather_changes_from(&self, now: Weather) {
        let _ = self
            .control
            .weather
            .subscribe()
            .wait_for(|weather| *weather != now)
            .await;
    }

    fn takes_a_loss(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        let losses = &self.control.commits_to_lose;
        losses
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
    }
}
