//! A connection that is there.

use std::future::poll_fn;

use tokio_postgres::{AsyncMessage, Client, Socket, tls::TlsStream};

use crate::Warnings;

/// A connection. It ends with its client.
#[derive(Debug)]
pub struct Connection {
    /// Over which statements are sent.
    pub client: Client,
    /// What the server warned of.
    pub warnings: Warnings,
}

impl Connection {
    /// Has a task keep the connection; what goes wrong with it, the client says.
    pub(crate) fn drive<T>(client: Client, mut connection: tokio_postgres::Connection<Socket, T>) -> Self
    where
        T: TlsStream + Unpin + Send + 'static,
    {
        let warnings = Warnings::default();
        let noted = warnings.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    noted.note(&notice);
                }
            }
        });
        Connection { client, warnings }
    }
}
