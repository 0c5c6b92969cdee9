//! What is counted.

use std::ops::AddAssign;

/// What is counted: for one record, or summed over many. Sums stop at the largest number that the sinks can hold
/// ([`Amounts::MAX`]) instead of wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Amounts {
    /// Requests. 0 in an interim slice of a long response, whose last record has the 1; more in an aggregate.
    pub calls: u64,
    /// Bytes that the service received: with heads and framing where they are known, as NGINX's `$request_length`.
    pub bytes_in: u64,
    /// Bytes that the service sent: with heads and framing where they are known, as NGINX's `$bytes_sent`.
    pub bytes_out: u64,
    /// Bytes of request bodies alone.
    pub body_bytes_in: u64,
    /// Bytes of response bodies alone, as NGINX's `$body_bytes_sent`.
    pub body_bytes: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl Amounts {
    /// The largest value of each: what a signed 64-bit column can hold.
    pub const MAX: u64 = i64::MAX as u64;
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more).min(Self::MAX);
        add(&mut self.calls, other.calls);
        add(&mut self.bytes_in, other.bytes_in);
        add(&mut self.bytes_out, other.bytes_out);
        add(&mut self.body_bytes_in, other.body_bytes_in);
        add(&mut self.body_bytes, other.body_bytes);
        add(&mut self.duration_ns, other.duration_ns);
    }
}
