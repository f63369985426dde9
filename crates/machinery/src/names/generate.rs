//! Names from `generateName`.

use crate::limits::{GENERATED_SUFFIX, MAX_GENERATED_NAME};

/// No vowels and nothing that reads as one: no words come out.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The base, cut to 58 bytes, and five random letters.
pub fn generate(base: &str, random: &mut impl FnMut() -> u64) -> String {
    let mut cut = base.len().min(MAX_GENERATED_NAME - GENERATED_SUFFIX);
    while !base.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut name = base[..cut].to_owned();
    for _ in 0..GENERATED_SUFFIX {
        let at = (random() % LETTERS.len() as u64) as usize;
        name.push(char::from(LETTERS[at]));
    }
    name
}
