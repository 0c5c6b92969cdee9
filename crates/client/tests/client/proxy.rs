//! The ways in which a proxy between client and hub fails.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream, ToSocketAddrs,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time,
};

/// Stands between a client and a hub, on real sockets, and does harm when told to.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: Mutex<SocketAddr>,
    fault: Mutex<Fault>,
    connections: AtomicUsize,
    harmed: AtomicUsize,
}

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    Nothing,
    /// When this many more pieces have come from the hub, the next is thrown away and the connection cut: the hub has done
    /// what was asked, and nobody is told. Happens once.
    LoseAnswer {
        after: usize,
    },
    /// Every piece from the hub comes this much later.
    Delay(Duration),
    /// Connections are closed as soon as they are made.
    Refuse,
    /// The connections that there are, up to this number, carry nothing any more, and nobody is told.
    Silence {
        up_to: usize,
    },
}

impl Proxy {
    pub(crate) async fn before(hub: SocketAddr) -> Proxy {
        Proxy::at("127.0.0.1:0", hub).await
    }

    /// One that is reached at an address of its own.
    pub(crate) async fn at(address: impl ToSocketAddrs, hub: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(address).await.unwrap();
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Shared {
                to: Mutex::new(hub),
                fault: Mutex::new(Fault::Nothing),
                connections: AtomicUsize::new(0),
                harmed: AtomicUsize::new(0),
            }),
        };
        let shared = proxy.shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(carry(client, number, shared.clone()));
            }
        });
        proxy
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.shared.fault() = fault;
    }

    /// The next answer is lost, on whichever connection it comes.
    pub(crate) fn lose_next_answer(&self) {
        self.set(Fault::LoseAnswer { after: 0 });
    }

    /// What there is of connections carries nothing any more.
    pub(crate) fn silence(&self) {
        self.set(Fault::Silence {
            up_to: self.connections(),
        });
    }

    /// Where the hub is from now on.
    pub(crate) fn lead_to(&self, hub: SocketAddr) {
        *self.shared.to.lock().unwrap() = hub;
    }

    /// How many connections clients have made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many of them were cut, refused or silenced.
    pub(crate) fn harmed(&self) -> usize {
        self.shared.harmed.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn fault(&self) -> MutexGuard<'_, Fault> {
        self.fault.lock().unwrap()
    }

    fn is_silent(&self, number: usize) -> bool {
        matches!(*self.fault(), Fault::Silence { up_to } if number <= up_to)
    }

    /// Whether this piece from the hub is to be lost with its connection.
    fn loses(&self) -> bool {
        let mut fault = self.fault();
        match *fault {
            Fault::LoseAnswer { after: 0 } => *fault = Fault::Nothing,
            Fault::LoseAnswer { after } => {
                *fault = Fault::LoseAnswer { after: after - 1 };
                return false;
            }
            _ => return false,
        }
        true
    }

    fn harm(&self) {
        self.harmed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Ends with the first direction that does, which closes both.
async fn carry(client: TcpStream, number: usize, shared: Arc<Shared>) {
    if *shared.fault() == Fault::Refuse {
        return shared.harm();
    }
    let to = *shared.to.lock().unwrap();
    let Ok(hub) = TcpStream::connect(to).await else { return };
    let ((from_client, to_client), (from_hub, to_hub)) = (client.into_split(), hub.into_split());
    tokio::select! {
        () = ask(from_client, to_hub, number, &shared) => {}
        () = answer(from_hub, to_client, number, &shared) => {}
    }
}

async fn ask(mut client: OwnedReadHalf, mut hub: OwnedWriteHalf, number: usize, shared: &Shared) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = client.read(&mut piece).await {
        if !shared.is_silent(number) && hub.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

async fn answer(mut hub: OwnedReadHalf, mut client: OwnedWriteHalf, number: usize, shared: &Shared) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = hub.read(&mut piece).await {
        if shared.is_silent(number) {
            continue;
        }
        if shared.loses() {
            return shared.harm();
        }
        let delay = match *shared.fault() {
            Fault::Delay(delay) => delay,
            _ => Duration::ZERO,
        };
        time::sleep(delay).await;
        if client.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
