#![doc = include_str!("../README.md")]

mod bytes;
mod checksum;
mod disk;
pub mod files;
pub mod frame;
mod lock;
mod segment;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod varint;

pub use bytes::{join, take};
pub use checksum::{Checksum, checksum};
pub use disk::{Disk, DiskFile, Held, RealDisk, SharedDisk, SharedFile};
pub use lock::{LockError, LockFile};
pub use segment::{Names, read_header};
