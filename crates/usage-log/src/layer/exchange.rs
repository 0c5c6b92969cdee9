use std::{fmt, sync::Arc};

use crate::{Amounts, Record, UsageLog};

/// A request extension: knows what went over the wire. Under HTTP/1.1 a connection serves one request after the other, so
/// the difference of its byte counts belongs to one of them exactly, headers and framing too; under HTTP/2 several share
/// a connection, and the best there is is an estimate.
#[derive(Clone)]
pub struct Wire(pub Arc<dyn WireMeter>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// Counts what goes over a connection.
pub trait WireMeter: Send + Sync + 'static {
    /// The response's body has ended, but some of it may not have left yet. Keep the exchange until its bytes are known,
    /// at the latest until the connection ends, and then [settle](Exchange::settle) it. Must not wait.
    fn ended(&self, exchange: Exchange);
}

/// The bytes of one request and its response, as they went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireBytes {
    /// Received.
    pub bytes_in: u64,
    /// Sent.
    pub bytes_out: u64,
}

/// A request whose response has ended and whose record is not written yet. It is written exactly once: with the bytes that
/// it is settled with, or, if it is dropped, with those that the layer saw.
#[derive(Debug)]
pub struct Exchange {
    log: UsageLog,
    record: Option<Record>,
    sliced: Amounts,
}

impl Exchange {
    /// One whose last record is `record`, behind slices that add up to `sliced`.
    #[must_use]
    pub fn new(log: UsageLog, record: Record, sliced: Amounts) -> Self {
        Exchange {
            log,
            record: Some(record),
            sliced,
        }
    }

    /// What the layer saw of the whole exchange: with what is in its slices already.
    #[must_use]
    pub fn seen(&self) -> WireBytes {
        let mut amounts = self.sliced;
        if let Some(record) = &self.record {
            amounts += record.amounts;
        }
        WireBytes {
            bytes_in: amounts.bytes_in,
            bytes_out: amounts.bytes_out,
        }
    }

    /// Writes the record. `wire` is the whole exchange; what its slices have said already is taken off.
    pub fn settle(mut self, wire: WireBytes) {
        if let Some(record) = &mut self.record {
            record.amounts.bytes_in = wire.bytes_in.saturating_sub(self.sliced.bytes_in);
            record.amounts.bytes_out = wire.bytes_out.saturating_sub(self.sliced.bytes_out);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.log.record(record);
        }
    }
}
