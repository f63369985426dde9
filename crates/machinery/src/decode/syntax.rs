//! What is wrong with JSON, in the words of Go's scanner. Only on the way to an error.

use crate::limits::MAX_DEPTH;

/// What a document lacks to be JSON: `invalid character 'b' looking for beginning of object key string`.
pub fn syntax_error(json: &[u8]) -> Option<String> {
    let mut scanner = Scanner { rest: json };
    match scanner.document() {
        Ok(()) => None,
        Err(Wrong::End) => Some("unexpected end of JSON input".to_owned()),
        Err(Wrong::Byte(byte, context)) => {
            Some(format!("invalid character {} {context}", quoted(byte)))
        }
    }
}

enum Wrong {
    End,
    Byte(u8, &'static str),
}

struct Scanner<'a> {
    rest: &'a [u8],
}

/// A byte as Go shows it. Bytes beyond ASCII are taken for the letters of Latin 1.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        0x07 => r"'\a'".to_owned(),
        0x08 => r"'\b'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        0x0b => r"'\v'".to_owned(),
        0x0c => r"'\f'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        0..=0x1f | 0x7f => format!(r"'\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!(r"'\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

impl Scanner<'_> {
    fn peek(&self) -> Result<u8, Wrong> {
        self.rest.first().copied().ok_or(Wrong::End)
    }

    fn take(&mut self) -> Result<u8, Wrong> {
        let (first, rest) = self.rest.split_first().ok_or(Wrong::End)?;
        self.rest = rest;
        Ok(*first)
    }

    fn space(&mut self) {
        let end = self
            .rest
            .iter()
            .position(|byte| !b" \t\r\n".contains(byte))
            .unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }

    /// Values, with the open objects (true) and lists (false) on a stack.
    fn document(&mut self) -> Result<(), Wrong> {
        let mut open = Vec::new();
        loop {
            self.space();
            match self.take()? {
                bracket @ (b'{' | b'[') => {
                    if open.len() >= MAX_DEPTH {
                        return Err(Wrong::Byte(bracket, "exceeded max depth"));
                    }
                    let object = bracket == b'{';
                    open.push(object);
                    self.space();
                    if self.peek()? != if object { b'}' } else { b']' } {
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => self.string()?,
                byte => self.scalar(byte)?,
            }
            if self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// What follows a value: brackets that close, a comma, the end. Whether it is the end.
    fn close(&mut self, open: &mut Vec<bool>) -> Result<bool, Wrong> {
        loop {
            self.space();
            let Some(&object) = open.last() else {
                return self.rest.first().map_or(Ok(true), |byte| {
                    Err(Wrong::Byte(*byte, "after top-level value"))
                });
            };
            match (self.take()?, object) {
                (b'}', true) | (b']', false) => {
                    open.pop();
                }
                (b',', true) => {
                    self.space();
                    self.key()?;
                    return Ok(false);
                }
                (b',', false) => return Ok(false),
                (byte, true) => return Err(Wrong::Byte(byte, "after object key:value pair")),
                (byte, false) => return Err(Wrong::Byte(byte, "after array element")),
            }
        }
    }

    fn key(&mut self) -> Result<(), Wrong> {
        match self.take()? {
            b'"' => self.string()?,
            byte => {
                return Err(Wrong::Byte(
                    byte,
                    "looking for beginning of object key string",
                ));
            }
        }
        self.space();
        match self.take()? {
            b':' => Ok(()),
            byte => Err(Wrong::Byte(byte, "after object key")),
        }
    }

    fn string(&mut self) -> Result<(), Wrong> {
        loop {
            match self.take()? {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                byte @ 0..=0x1f => return Err(Wrong::Byte(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), Wrong> {
        match self.take()? {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(()),
            b'u' => (0..4).try_for_each(|_| match self.take()? {
                byte if byte.is_ascii_hexdigit() => Ok(()),
                byte => Err(Wrong::Byte(byte, "in \\u hexadecimal character escape")),
            }),
            byte => Err(Wrong::Byte(byte, "in string escape code")),
        }
    }

    fn scalar(&mut self, first: u8) -> Result<(), Wrong> {
        match first {
            b't' => self.literal(&[
                (b'r', "in literal true (expecting 'r')"),
                (b'u', "in literal true (expecting 'u')"),
                (b'e', "in literal true (expecting 'e')"),
            ]),
            b'f' => self.literal(&[
                (b'a', "in literal false (expecting 'a')"),
                (b'l', "in literal false (expecting 'l')"),
                (b's', "in literal false (expecting 's')"),
                (b'e', "in literal false (expecting 'e')"),
            ]),
            b'n' => self.literal(&[
                (b'u', "in literal null (expecting 'u')"),
                (b'l', "in literal null (expecting 'l')"),
                (b'l', "in literal null (expecting 'l')"),
            ]),
            b'-' | b'0'..=b'9' => self.number(first),
            byte => Err(Wrong::Byte(byte, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, letters: &[(u8, &'static str)]) -> Result<(), Wrong> {
        letters
            .iter()
            .try_for_each(|(letter, context)| match self.take()? {
                byte if byte == *letter => Ok(()),
                byte => Err(Wrong::Byte(byte, context)),
            })
    }

    fn number(&mut self, first: u8) -> Result<(), Wrong> {
        let digit = if first == b'-' {
            self.digit("in numeric literal")?
        } else {
            first
        };
        if digit != b'0' {
            self.digits();
        }
        if self.rest.first() == Some(&b'.') {
            self.take()?;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            self.take()?;
            if matches!(self.rest.first(), Some(b'+' | b'-')) {
                self.take()?;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, context: &'static str) -> Result<u8, Wrong> {
        match self.take()? {
            byte if byte.is_ascii_digit() => Ok(byte),
            byte => Err(Wrong::Byte(byte, context)),
        }
    }

    fn digits(&mut self) {
        let end = self
            .rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }
}
