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

/// All blocks, in order. What stands between them, and what is none, is passed over.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::trim_end);
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let Some(label) = between(line, BEGIN) else {
            continue;
        };
        let mut rest = lines.clone();
        if let Some(block) = read(label, &mut rest) {
            blocks.push(block);
            lines = rest;
        }
    }
    blocks
}

fn between<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(DASHES)
}

fn read<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Option<Block> {
    let mut has_headers = false;
    let mut body = String::new();
    for line in lines {
        if let Some(end) = between(line, END) {
            let der = STANDARD.decode(&body).ok()?;
            return (end == label).then(|| Block {
                label: label.to_owned(),
                has_headers,
                der,
            });
        }
        if line.contains(':') && body.is_empty() {
            has_headers = true;
        } else {
            body.push_str(line.trim());
        }
    }
    None
}
