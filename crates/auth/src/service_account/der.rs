//! The little DER that is written here (X.690): keys in the frames that others expect.

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const BITS: u8 = 0x03;

/// A value with its tag and length.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(value.len()) {
        Ok(short @ ..0x80) => der.push(short),
        _ => {
            let length = value.len().to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            let length = length.get(zeros..).unwrap_or_default();
            // At most eight bytes.
            der.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            der.extend_from_slice(length);
        }
    }
    der.extend_from_slice(value);
    der
}

/// A SubjectPublicKeyInfo (RFC 5280). `algorithm`: the AlgorithmIdentifier, in DER.
pub(super) fn public_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    // No bit of the last byte is unused.
    let bits = [&[0], key].concat();
    tagged(SEQUENCE, &[algorithm, &tagged(BITS, &bits)].concat())
}

/// A PrivateKeyInfo (RFC 5208).
pub(super) fn private_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let version = [0x02, 0x01, 0x00];
    let key = tagged(OCTETS, key);
    tagged(SEQUENCE, &[&version, algorithm, &key].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_can_be() {
        let head = |length: usize| tagged(OCTETS, &vec![7; length])[..4].to_vec();
        assert_eq!(head(3), [4, 3, 7, 7]);
        assert_eq!(head(0x7f), [4, 0x7f, 7, 7]);
        assert_eq!(head(0x80), [4, 0x81, 0x80, 7]);
        assert_eq!(head(0x1234), [4, 0x82, 0x12, 0x34]);
    }
}
