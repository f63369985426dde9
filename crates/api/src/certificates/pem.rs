//! Blocks of PEM, as Go's `encoding/pem` finds them in a text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// A block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// `CERTIFICATE`.
    pub(crate) label: String,
    /// Whether lines like `Proc-Type: 4,ENCRYPTED` stand before what it holds.
    pub(crate) has_headers: bool,
    pub(crate) der: Vec<u8>,
}

/// A block whose end has not come yet.
struct Begun<'a> {
    label: &'a str,
    has_headers: bool,
    body: String,
}

/// All blocks, in order. What stands between them, and what is none, is passed over: what begins before another has ended, too.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(text);
    let mut blocks = Vec::new();
    let mut begun: Option<Begun<'_>> = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(at) = line.rfind(BEGIN) {
            let label = between(line, BEGIN).filter(|_| at == 0);
            begun = label.map(Begun::new);
        } else if line.starts_with(END) {
            blocks.extend(begun.take().and_then(|begun| begun.end(line)));
        } else if let Some(begun) = &mut begun {
            begun.add(line);
        }
    }
    blocks
}

fn between<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(DASHES)
}

impl<'a> Begun<'a> {
    fn new(label: &'a str) -> Self {
        Self {
            label,
            has_headers: false,
            body: String::new(),
        }
    }

    fn add(&mut self, line: &str) {
        if line.contains(':') && self.body.is_empty() {
            self.has_headers = true;
        } else {
            self.body.push_str(line.trim());
        }
    }

    /// `None`: it is no block.
    fn end(self, line: &str) -> Option<Block> {
        let label = between(line, END).filter(|label| *label == self.label)?;
        let der = STANDARD.decode(&self.body).ok()?;
        Some(Block {
            label: label.to_owned(),
            has_headers: self.has_headers,
            der,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, bool, Vec<u8>)> {
        let all = blocks(text.as_bytes()).into_iter();
        all.map(|it| (it.label, it.has_headers, it.der)).collect()
    }

    #[test]
    fn what_is_no_block_is_passed_over() {
        let one = "-----BEGIN A-----\nAAEC\n-----END A-----\n";
        let is = ("A".to_owned(), false, vec![0, 1, 2]);
        assert_eq!(found(one), std::slice::from_ref(&is));
        for before in [
            "text\n",
            "-----BEGIN B-----\n",
            "-----BEGIN B-----\nAAEC\n",
            "-----BEGIN B-----\nAAEC\n-----END C-----\n",
            "-----BEGIN B-----\nA?\n-----END B-----\n",
            "-----END A-----\n",
            "x-----BEGIN B-----\nAAEC\n-----END B-----\n",
        ] {
            assert_eq!(
                found(&format!("{before}{one}")),
                std::slice::from_ref(&is),
                "{before}"
            );
        }
        let headers = "-----BEGIN A-----\r\nK: v\r\n\r\nAAEC\r\n-----END A-----\r\n";
        let with = ("A".to_owned(), true, vec![0, 1, 2]);
        assert_eq!(found(headers), [with]);
        assert_eq!(found(&one.repeat(2)), [is.clone(), is]);
        assert!(found("-----BEGIN A-----\nAAEC\n").is_empty(), "no end");
        assert!(found("-----BEGIN A\nAAEC\n-----END A-----\n").is_empty());
    }

    #[test]
    fn many_that_have_no_end_are_read_once() {
        let many = "-----BEGIN CERTIFICATE REQUEST-----\nAAEC\n".repeat(20_000);
        assert!(found(&many).is_empty());
    }
}
