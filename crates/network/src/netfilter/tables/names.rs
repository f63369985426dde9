//! How tables are called: by whose they are, and by how they are laid out. Pure.

use sha2::{Digest, Sha256};

/// How many digits of a digest are in a name.
const DIGITS: usize = 8;
/// What follows them: a table is made beside the one that has the first of these.
const PLACES: [&str; 2] = ["", "b"];

/// The names that a table may have that is laid out like this, in the order in which they are tried.
pub(super) fn of(name: &str, form: &str) -> [String; PLACES.len()] {
    let digest = Sha256::digest(form);
    let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    PLACES.map(|place| format!("{name}-{}{place}", &digest[..DIGITS]))
}

/// Whether a table is one of these: without a layout in its name, as older programs have made it, or with one.
pub(super) fn is_of(name: &str, table: &str) -> bool {
    let Some(rest) = table.strip_prefix(name) else {
        return false;
    };
    let is_digest =
        |text: &str| text.len() == DIGITS && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    let of_layout = |layout: &str| {
        let mut digests = PLACES.iter().filter_map(|place| layout.strip_suffix(place));
        digests.any(is_digest)
    };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(of_layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_any_layout_are_known_and_others_are_not() {
        let names = of("navarch", "layout");
        assert_ne!(names, of("navarch", "another"));
        for table in names.iter().map(String::as_str).chain(["navarch"]) {
            assert!(is_of("navarch", table), "{table}");
        }
        for table in [
            "navarch_hosts",
            "navarch-hosts",
            "navarch-0123456",
            "navarch-01234567c",
            "nav",
            "navarch-",
        ] {
            assert!(!is_of("navarch", table), "{table}");
        }
    }
}
