use proptest::prelude::*;

use super::attributes::{self, Writer};

#[test]
fn attributes_are_read_as_they_are_written() {
    let mut writer = Writer::default();
    writer.put(1, &[1, 2, 3]);
    writer.text(2, "ab");
    writer.nest(3, |inner| inner.put(4, &[5]));
    assert_eq!(writer.bytes.len() % 4, 0);
    let read: Vec<_> = attributes::each(&writer.bytes).collect();
    assert_eq!(read[0], (1, &[1, 2, 3][..]));
    assert_eq!(read[1], (2, &b"ab\0"[..]));
    assert_eq!(read[2].0, 3);
    assert_eq!(attributes::by_kind(read[2].1).get(&4), Some(&&[5][..]));
}

proptest! {
    #[test]
    fn whatever_is_read_ends(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let count = attributes::each(&bytes).count();
        prop_assert!(count <= bytes.len() / 4);
    }
}
