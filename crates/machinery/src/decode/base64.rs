//! What Go says of text that is no base64.

/// `illegal base64 data at input byte 4`. Line breaks do not count as data, but as bytes.
pub(super) fn error(text: &str) -> String {
    format!(
        "illegal base64 data at input byte {}",
        offset(text.as_bytes())
    )
}

fn offset(text: &[u8]) -> usize {
    let data = |&(_, byte): &(usize, u8)| byte != b'\r' && byte != b'\n';
    let mut bytes = text.iter().copied().enumerate().filter(data);
    let mut group = 0;
    while let Some((at, byte)) = bytes.next() {
        if byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/' {
            group = (group + 1) % 4;
            continue;
        }
        if byte != b'=' || group < 2 {
            return at;
        }
        if group == 2 {
            match bytes.next() {
                None => return text.len(),
                Some((_, b'=')) => {}
                // The group lacks its second sign.
                Some((at, _)) => return at,
            }
        }
        // Nothing may follow; else the bits that padding leaves over are wrong, which Go lets pass.
        return bytes.next().map_or(at, |(at, _)| at);
    }
    // The last group is not whole.
    text.len() - usize::from(group == 0)
}
