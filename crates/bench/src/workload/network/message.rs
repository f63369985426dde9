//! Questions to DNS and their answers, as far as this client needs them.

/// `QTYPE` A, `QCLASS` IN.
const KIND: [u8; 4] = [0, 1, 0, 1];
/// Recursion is desired; one question.
const HEAD: [u8; 10] = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const HEAD_LENGTH: usize = 12;

/// The question for the address of a name, without a number.
pub(super) fn question(name: &str) -> Vec<u8> {
    let mut bytes = vec![0; 2];
    bytes.extend(HEAD);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        // A label has 63 octets at most, and so has what is asked here.
        bytes.push(u8::try_from(label.len().min(63)).unwrap_or(63));
        bytes.extend(label.bytes().take(63));
    }
    bytes.push(0);
    bytes.extend(KIND);
    bytes
}

/// Gives a question the number that its answer is known by.
pub(super) fn number(question: &mut [u8], number: u16) {
    if let Some(place) = question.first_chunk_mut() {
        *place = number.to_be_bytes();
    }
}

/// The number of an answer that has an address; of others what is wrong.
pub(super) fn answer(bytes: &[u8]) -> Result<u16, String> {
    let Some(head) = bytes.first_chunk::<HEAD_LENGTH>() else {
        return Err(format!("an answer of {} octets", bytes.len()));
    };
    let number = u16::from_be_bytes([head[0], head[1]]);
    let (is_answer, code) = (head[2] & 0x80 != 0, head[3] & 0x0f);
    let answers = u16::from_be_bytes([head[6], head[7]]);
    match (is_answer, code, answers) {
        (true, 0, 1..) => Ok(number),
        _ => Err(format!("code {code} with {answers} answers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_as_rfc_1035_has_it() {
        let mut bytes = question("a.bc.");
        number(&mut bytes, 0x1234);
        assert_eq!(
            bytes,
            b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\x01a\x02bc\x00\x00\x01\x00\x01"
        );
    }

    #[test]
    fn an_answer_without_an_address_is_none() {
        let head = |flags: [u8; 2], answers| {
            [0x12, 0x34, flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, 0]
        };
        assert_eq!(answer(&head([0x85, 0x80], 1)), Ok(0x1234));
        for bad in [
            head([0x85, 0x80], 0),
            head([0x85, 0x83], 1),
            head([0x05, 0x80], 1),
        ] {
            assert!(answer(&bad).is_err(), "{bad:?}");
        }
        assert!(answer(&[0; 5]).is_err());
    }
}
