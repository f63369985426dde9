//! How large a transaction may be.

use crate::{Compare, Error, Op, Result, Transaction};

/// The longest key, in bytes. A bucket, a namespace and a name of Kubernetes take at most some 700.
pub const MAX_KEY: usize = 1024;
/// The most conditions, and the most changes, of one transaction.
pub const MAX_OPS: usize = 4096;
/// The most bytes of values in one transaction.
pub const MAX_TRANSACTION: usize = 16 << 20;

/// Refuses a transaction that no backend takes. Answers how many bytes it weighs.
pub(crate) fn check(transaction: &Transaction) -> Result<usize> {
    if transaction.ops.len() > MAX_OPS || transaction.compare.len() > MAX_OPS {
        return Err(Error::TooLarge(format!(
            "a transaction takes at most {MAX_OPS} operations"
        )));
    }
    let compared = transaction.compare.iter().map(|compare| match compare {
        Compare::Absent(key) | Compare::Modified(key, _) => key,
    });
    let changed = transaction.ops.iter().map(|op| match op {
        Op::Put { key, .. } | Op::Delete { key, .. } => key,
    });
    if let Some(key) = compared.chain(changed).find(|key| key.len() > MAX_KEY) {
        return Err(Error::TooLarge(format!(
            "a key takes at most {MAX_KEY} bytes, this has {}",
            key.len()
        )));
    }
    let mut total = 0;
    for op in &transaction.ops {
        let (value, stamp) = match op {
            Op::Put { value, stamp, .. } => (value, stamp),
            Op::Delete {
                last: Some((value, stamp)),
                ..
            } => (value, stamp),
            Op::Delete { last: None, .. } => continue,
        };
        if stamp.is_some_and(|at| at as usize > value.len()) {
            return Err(Error::TooLarge(
                "a stamp lies behind the end of its value".into(),
            ));
        }
        total += value.len();
    }
    if total > MAX_TRANSACTION {
        return Err(Error::TooLarge(format!(
            "a transaction takes at most {MAX_TRANSACTION} bytes, this has {total}"
        )));
    }
    Ok(total)
}
