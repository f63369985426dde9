//! Identifiers that nobody can guess.

/// A random UUID (version 4).
pub(crate) fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// A random number.
pub(crate) fn number() -> u64 {
    let mut bytes = [0_u8; 8];
    fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

/// The kernel's random numbers cannot fail once the machine has booted; should they, time is the last resort.
fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        let now = jiff::Timestamp::now().as_nanosecond().to_ne_bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = now[at % now.len()];
        }
    }
}
