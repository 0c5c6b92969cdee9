//! What the server's answers mean.

use redis::Value;

use super::read;
use crate::{
    Amount, Field, Subject, Totals,
    ledger::{ErrorKind, Lease, LedgerError, Sum},
};

/// What became of a claim.
#[derive(Debug)]
pub(super) enum Granted {
    Held(Lease),
    /// There is not enough left of this field.
    Refused(Field),
    /// The period is not kept any more.
    Closed,
}

/// The sums over all writers, and one writer's cell.
pub(super) fn sum(operation: &'static str, answer: Value) -> Result<Sum, LedgerError> {
    let numbers: Vec<Option<u64>> = read(operation, answer)?;
    let (all, own) = numbers.split_at_checked(6).ok_or_else(|| senseless(operation))?;
    Ok(Sum {
        all: totals_of(all),
        own: totals_of(own),
    })
}

/// The sums over all writers, if there are any.
pub(super) fn totals(operation: &'static str, answer: Value) -> Result<Option<Totals>, LedgerError> {
    let numbers: Vec<Option<u64>> = read(operation, answer)?;
    Ok(numbers.iter().any(Option::is_some).then(|| totals_of(&numbers)))
}

/// The names in a period's set.
pub(super) fn subjects(operation: &'static str, answer: Value) -> Result<Vec<Subject>, LedgerError> {
    let names: Vec<String> = read(operation, answer)?;
    let subject =
        |name: String| Subject::new(&name).map_err(|error| LedgerError::new(ErrorKind::Corrupt, operation, error));
    names.into_iter().map(subject).collect()
}

/// What the claim's script said, and whether there was nothing of the subject before.
pub(super) fn granted(operation: &'static str, answer: Value) -> Result<(Granted, bool), LedgerError> {
    let parts: Vec<Value> = read(operation, answer)?;
    let [how, rest @ ..] = parts.as_slice() else {
        return Err(senseless(operation));
    };
    let how: String = read(operation, how.clone())?;
    match (how.as_str(), rest) {
        ("closed", []) => Ok((Granted::Closed, false)),
        ("refused", [field, made]) => {
            let position: usize = read(operation, field.clone())?;
            let field = position.checked_sub(1).and_then(|index| Field::ALL.get(index));
            let field = field.ok_or_else(|| senseless(operation))?;
            Ok((Granted::Refused(*field), read(operation, made.clone())?))
        }
        ("held", [_, made, numbers @ ..]) => {
            let number = |value: &Value| {
                let text: String = read(operation, value.clone())?;
                // No limit, or more than fits, which is as good as none. Anything else that is not a number must grant nothing.
                match text.parse() {
                    Ok(number) => Ok(number),
                    Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(u64::MAX),
                    Err(_) => Err(senseless(operation)),
                }
            };
            let numbers = numbers.iter().map(number).collect::<Result<Vec<_>, LedgerError>>()?;
            let [held, left, others] = [0, 3, 6].map(|at| amount_of(numbers.get(at..).unwrap_or_default()));
            let lease = Lease {
                up_to: held,
                left,
                others,
            };
            Ok((Granted::Held(lease), read(operation, made.clone())?))
        }
        _ => Err(senseless(operation)),
    }
}

fn totals_of(numbers: &[Option<u64>]) -> Totals {
    let plain: Vec<u64> = numbers.iter().map(|number| number.unwrap_or(0)).collect();
    Totals {
        added: amount_of(&plain),
        taken: amount_of(plain.get(3..).unwrap_or_default()),
    }
}

/// The first three, in the order of the fields.
fn amount_of(numbers: &[u64]) -> Amount {
    let mut numbers = numbers.iter().copied();
    Amount::from_fn(|_| numbers.next().unwrap_or(0))
}

fn senseless(operation: &'static str) -> LedgerError {
    LedgerError::new(ErrorKind::Corrupt, operation, "the answer is not what the script gives")
}
