#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Sync,
    Flush,
    Snapshot,
}
