//! The order in which hash maps tell what is in them, drawn from the seed as all else is: one that changed from run to run would show a
//! seed's mistake in some runs only.
#![expect(
    unsafe_code,
    reason = "the standard library asks the C library for the numbers that it hashes with"
)]

use std::cell::RefCell;

thread_local! {
    static DRAWN: RefCell<fastrand::Rng> =
        const { RefCell::new(fastrand::Rng::with_seed(0)) };
}

/// From now on the hash maps of this thread follow from a seed.
pub(crate) fn draw_from(seed: u64) {
    DRAWN.set(fastrand::Rng::with_seed(seed));
}

/// In the place of the C library's.
///
/// # Safety
/// `bytes` must be valid for writes of `length` bytes, as for the C library's.
// SAFETY: nothing else in this program has this name, and it does what the C library's does.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(bytes: *mut u8, length: usize, _flags: u32) -> isize {
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, length) };
    DRAWN.with_borrow_mut(|random| random.fill(bytes));
    isize::try_from(length).unwrap_or(isize::MAX)
}
