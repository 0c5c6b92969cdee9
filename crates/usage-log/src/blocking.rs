//! Asynchronous clients for sinks, which are called from a thread that may wait.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::sink::SinkError;

/// A runtime of a sink's own; its tasks run while the sink is called.
#[derive(Debug)]
pub(crate) struct Blocking {
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

impl Blocking {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Blocking { runtime: Some(runtime) })
    }

    /// Runs a future to its end on the calling thread.
    pub(crate) fn run<T>(&self, future: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
        match &self.runtime {
            Some(runtime) if Handle::try_current().is_err() => runtime.block_on(future),
            _ => Err(SinkError::message(
                "a sink that waits was called from an asynchronous task",
            )),
        }
    }
}

impl Drop for Blocking {
    /// Without waiting, which a runtime that is dropped in an asynchronous task would not allow.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
