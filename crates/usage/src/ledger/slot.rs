//! A connection that is made when it is needed, and anew when it failed.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::timeout};

use super::{ErrorKind, LedgerError};

/// The connection to a server: made when it is first needed, and anew when the last one did not do.
#[derive(Debug)]
pub(super) struct Slot<C> {
    held: Mutex<Held<C>>,
    closed: AtomicBool,
    connect_timeout: Duration,
}

#[derive(Debug)]
struct Held<C> {
    connection: Option<C>,
    /// How many were made. A connection is discarded by its number: it may have been replaced meanwhile.
    number: u64,
}

impl<C: Clone> Slot<C> {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Slot {
            held: Mutex::new(Held {
                connection: None,
                number: 0,
            }),
            closed: AtomicBool::new(false),
            connect_timeout,
        }
    }

    /// The connection and its number. One caller makes it, the others wait; each waits no longer than a connection may take.
    pub(super) async fn get(
        &self,
        operation: &'static str,
        connect: impl Future<Output = Result<C, LedgerError>>,
    ) -> Result<(C, u64), LedgerError> {
        let unavailable = |why| LedgerError::new(ErrorKind::Unavailable, operation, why);
        if self.closed.load(Ordering::Acquire) {
            return Err(unavailable("it was closed"));
        }
        let connected = async {
            let mut held = self.held.lock().await;
            if let Some(connection) = &held.connection {
                return Ok((connection.clone(), held.number));
            }
            let connection = connect.await?;
            held.number += 1;
            held.connection = Some(connection.clone());
            Ok((connection, held.number))
        };
        let in_time = timeout(self.connect_timeout, connected).await;
        in_time.unwrap_or_else(|_| Err(unavailable("no connection in time")))
    }

    /// The connection of this number is not to be used again.
    pub(super) async fn discard(&self, number: u64) {
        let mut held = self.held.lock().await;
        if held.number == number {
            held.connection = None;
        }
    }

    /// No connection is given out any more. Idempotent.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.held.lock().await.connection = None;
    }
}
