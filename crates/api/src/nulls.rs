//! Members that Kubernetes writes as `null` where there is nothing, and the types leave out.

/// Puts `with` in the place of the first `what` that was written after `from`. Text inside of strings is not met: its quotes are
/// escaped there.
pub(crate) fn replace_first(out: &mut Vec<u8>, from: usize, what: &str, with: &str) {
    let written = out.get(from..).unwrap_or_default();
    let found = written
        .windows(what.len())
        .position(|bytes| bytes == what.as_bytes());
    if let Some(at) = found.map(|at| from + at) {
        out.splice(at..at + what.len(), with.bytes());
    }
}
