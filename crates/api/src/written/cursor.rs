//! A place in JSON that somebody has decoded already. In other JSON it finds an early end, and goes no further than there.

use memchr::memchr2;

pub(super) struct Cursor<'a> {
    pub(super) json: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    /// What is from here on.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.json.get(self.at..).unwrap_or_default()
    }

    /// 0 behind the end.
    pub(super) fn peek(&self) -> u8 {
        self.json.get(self.at).copied().unwrap_or_default()
    }

    /// Past the byte, where it is here.
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        let here = self.peek() == byte;
        self.at += usize::from(here);
        here
    }

    /// Past blanks.
    pub(super) fn blanks(&mut self) {
        while self.peek().is_ascii_whitespace() {
            self.at += 1;
        }
    }

    /// Past the text that begins here: what is between its quotes. Texts may be large, and are not gone through byte by byte.
    pub(super) fn text(&mut self) -> &'a [u8] {
        self.at += 1;
        let text = self.rest();
        let mut length = 0;
        while let Some(next) = text
            .get(length..)
            .and_then(|rest| memchr2(b'"', b'\\', rest))
        {
            length += next;
            if text[length] == b'"' {
                self.at += length + 1;
                return &text[..length];
            }
            length += 2;
        }
        self.at = self.json.len();
        text
    }

    /// Past a member's name: one that no field can have may come back as an empty one.
    pub(super) fn name(&mut self) -> &'a str {
        std::str::from_utf8(self.text()).unwrap_or_default()
    }

    /// Past the value that begins here.
    pub(super) fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                b'"' => {
                    self.text();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                b',' if depth == 0 => return,
                0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}
