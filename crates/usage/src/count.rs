//! Counting from many threads at once without their waiting for each other.

mod atomic_amount;
mod shards;
mod slot;

pub(crate) use atomic_amount::AtomicAmount;
pub(crate) use shards::Shards;
