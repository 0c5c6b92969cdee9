//! A proxy that carries requests to the hub, and loses answers.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Proxy(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    withholds: AtomicBool,
    cut: Notify,
    cuts: AtomicUsize,
}

pub(super) async fn start(hub: SocketAddr) -> (Proxy, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::default();
    let shared = proxy.0.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, hub, shared.clone()));
        }
    });
    (proxy, address)
}

impl Proxy {
    /// From now on the hub gets what is sent, and its answers go nowhere.
    pub(super) fn withhold_answers(&self) {
        self.0.withholds.store(true, Ordering::SeqCst);
    }

    /// Cuts all connections; those that are made from now on are carried as they should be.
    pub(super) fn cut(&self) {
        self.0.withholds.store(false, Ordering::SeqCst);
        self.0.cut.notify_waiters();
    }

    pub(super) fn cuts(&self) -> usize {
        self.0.cuts.load(Ordering::SeqCst)
    }
}

async fn carry(mut client: TcpStream, hub: SocketAddr, shared: Arc<Shared>) {
    let cut = shared.cut.notified();
    let Ok(mut server) = TcpStream::connect(hub).await else {
        return;
    };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let answers = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(len @ 1..) = from_server.read(&mut buffer).await {
            if !shared.withholds.load(Ordering::SeqCst) && to_client.write_all(&buffer[..len]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = cut => { shared.cuts.fetch_add(1, Ordering::SeqCst); }
        () = answers => {}
        _ = copy(&mut from_client, &mut to_server) => {}
    }
}
