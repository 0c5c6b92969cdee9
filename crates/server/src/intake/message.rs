//! The whole way in at once, for what has no bodies to meter.

use nexus_throttle::Direction;
use nexus_usage::Amount;
use nexus_usage_log::{Outcome, layer::WireBytes};

use super::{Announced, Exemption, Intake, LogDimensions, Rejected, RequestUsage, Submission, Written};
use crate::auth::Principal;

/// A request that is there whole: a datagram, or a call of the library.
#[derive(Debug)]
pub(crate) struct Message {
    /// How many bytes it has; 0 for a call.
    pub(crate) bytes: usize,
    /// What the usage log says of it.
    pub(crate) dimensions: LogDimensions,
    /// What it asks for.
    pub(crate) submission: Submission,
}

impl Intake {
    /// Authorizes, validates, admits and submits a message, and accounts for it. What may not be, or is over a limit on sizes, is
    /// charged to nobody.
    pub(crate) async fn take(&self, principal: &Principal, message: Message) -> Result<Written, Rejected> {
        let write = self.check(principal, message.submission)?;
        let announced = Announced {
            amount: Amount::request(0, message.bytes as u64),
            exemption: Exemption::None,
            dimensions: message.dimensions,
        };
        let account = self.account(principal);
        let under_way = UnderWay {
            usage: self.admit(principal.clone(), account, announced).await?,
            bytes: message.bytes,
        };
        under_way.usage.flowed(Direction::Read, message.bytes);
        let written = self.decide(write).await;
        let outcome = if written.is_ok() {
            Outcome::Complete
        } else {
            Outcome::Error
        };
        under_way.usage.end_as(outcome);
        written
    }
}

/// A message that was admitted. It is over when it is answered, or when whoever sent it waits no longer, which is told by dropping
/// the call, this with it.
struct UnderWay {
    usage: RequestUsage,
    bytes: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.usage.finish(Some(WireBytes {
            bytes_in: self.bytes as u64,
            bytes_out: 0,
        }));
    }
}
