//! What the writer and those who talk to it synchronise with, in one place, so that a test can put a scheduler of its own
//! behind it and try every order of things: see `tests/model.rs`.

pub(super) use std::sync::{
    Mutex, MutexGuard,
    mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
};

pub(super) use tokio::sync::oneshot;
