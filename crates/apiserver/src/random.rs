//! Identifiers that nobody can guess.

use std::cell::RefCell;

/// So many random bytes are fetched at a time: a system call for each object's uid took a fiftieth of a create.
const BUFFERED: usize = 512;

/// Random bytes of the kernel that nobody has seen yet.
struct Buffer {
    bytes: [u8; BUFFERED],
    used: usize,
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer { bytes: [0; BUFFERED], used: BUFFERED }) };
}

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

/// One of several, each as likely as the others.
pub(crate) fn one_of<T>(all: &[T]) -> Option<&T> {
    let count = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
    all.get(usize::try_from(number() % count).ok()?)
}

/// A random number.
pub(crate) fn number() -> u64 {
    let mut bytes = [0_u8; 8];
    fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

/// Each byte is handed out once, and forgotten.
fn fill(bytes: &mut [u8]) {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.used + bytes.len() > BUFFERED {
            fetch(&mut buffer.bytes);
            buffer.used = 0;
        }
        if let Some(fresh) = buffer.bytes.get_mut(buffer.used..buffer.used + bytes.len()) {
            bytes.copy_from_slice(fresh);
            fresh.fill(0);
        }
        buffer.used += bytes.len();
    });
}

#[cfg(feature = "simulation")]
thread_local! {
    static DRAWN: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// From now on this thread's numbers follow from a seed, so that a simulation can be run again. Anybody can guess them.
#[cfg(feature = "simulation")]
pub fn draw_from(seed: u64) {
    DRAWN.set(Some(fastrand::Rng::with_seed(seed)));
    BUFFER.with_borrow_mut(|buffer| buffer.used = BUFFERED);
}

/// Whether there is a seed that they were drawn from.
#[cfg(feature = "simulation")]
fn drawn(bytes: &mut [u8]) -> bool {
    DRAWN
        .with_borrow_mut(|drawn| drawn.as_mut().map(|random| random.fill(bytes)))
        .is_some()
}

/// The kernel's random numbers cannot fail once the machine has booted; should they, time is the last resort.
fn fetch(bytes: &mut [u8]) {
    #[cfg(feature = "simulation")]
    if drawn(bytes) {
        return;
    }
    if getrandom::fill(bytes).is_err() {
        let now = jiff::Timestamp::now().as_nanosecond().to_ne_bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            // No two identifiers of one buffer are alike.
            let place = at.to_le_bytes();
            *byte = now[at % now.len()]
                .wrapping_add(place[0])
                .wrapping_add(place[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn none_comes_twice() {
        let all: HashSet<_> = (0..1000).map(|_| super::uuid()).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|uuid| uuid.len() == 36));
        let numbers: HashSet<_> = (0..1000).map(|_| super::number()).collect();
        assert_eq!(numbers.len(), 1000);
    }
}
