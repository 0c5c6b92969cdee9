//! The thread on which the blocking client's futures run.

use std::{
    fmt,
    sync::{Arc, mpsc},
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::Error;

/// A thread on which futures run; it ends with the last handle.
///
/// A runtime of its own instead of `reqwest::blocking`: that one knows nothing of our tries, and panics when it is used or
/// dropped inside of another runtime.
#[derive(Clone)]
pub(super) struct Runtime(Arc<Shared>);

struct Shared {
    handle: Handle,
    /// Dropped with it, which ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Runtime {
    /// # Errors
    /// The system has no thread or no file descriptors left.
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error| Error::invalid_because("cannot start the client's thread", error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("nexus-client".to_owned())
            .spawn(move || drop(runtime.block_on(stopped)))
            .map_err(failed)?;
        Ok(Runtime(Arc::new(Shared { handle, _stop: stop })))
    }

    /// Runs a future on the thread, and waits for it on this one.
    pub(super) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        // Not a channel of Tokio's: it would refuse to block inside of a runtime.
        let (done, result) = mpsc::sync_channel(1);
        self.0.handle.spawn(async move { drop(done.send(future.await)) });
        // It fails if the future panicked; the panic is on standard error.
        let no_answer = |mpsc::RecvError| Error::invalid("the client's thread gave no answer");
        result.recv().map_err(no_answer)?
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}
