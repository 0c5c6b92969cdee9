//! A line to a hub that loses answers: what is asked arrives, and the connection breaks before all is answered.

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What a connection carries towards the client before it is cut: in most the handshake, of about 1700 bytes, and some
/// answers.
const ANSWER_BYTES: Range<u64> = 1000..6000;

#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: Mutex<SocketAddr>,
    lost: AtomicU64,
}

impl Proxy {
    pub(super) async fn before(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Shared {
                hub: Mutex::new(hub),
                lost: AtomicU64::new(0),
            }),
        };
        let shared = Arc::clone(&proxy.shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A connection that fails is what this is for.
                    let _ = carry(client, &shared).await;
                });
            }
        });
        proxy
    }

    /// Where the hub is after a restart.
    pub(super) fn lead_to(&self, hub: SocketAddr) {
        *self.shared.hub.lock().unwrap_or_else(PoisonError::into_inner) = hub;
    }

    /// How many connections were cut while an answer was on its way.
    pub(super) fn lost(&self) -> u64 {
        self.shared.lost.load(Relaxed)
    }
}

async fn carry(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let hub = *shared.hub.lock().unwrap_or_else(PoisonError::into_inner);
    let hub = TcpStream::connect(hub).await?;
    let ((mut from_client, to_client), (from_hub, mut to_hub)) = (client.into_split(), hub.into_split());
    let Range { start, end } = ANSWER_BYTES;
    let budget = start + getrandom::u64().unwrap() % (end - start);
    tokio::select! {
        sent = copy(&mut from_client, &mut to_hub) => drop(sent?),
        answered = answers(from_hub, to_client, budget) => {
            if answered? {
                shared.lost.fetch_add(1, Relaxed);
            }
        }
    }
    Ok(())
}

/// Carries answers up to the budget; whether one was lost.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut budget: u64) -> io::Result<bool> {
    let mut piece = [0; 4096];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(false);
        }
        let Some(left) = budget.checked_sub(length as u64) else {
            return Ok(true);
        };
        budget = left;
        to.write_all(&piece[..length]).await?;
    }
}
