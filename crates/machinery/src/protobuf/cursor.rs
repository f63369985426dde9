//! A walk over the bytes of JSON, value by value, that copies nothing it need not.

use std::borrow::Cow;

use memchr::memchr2;

use super::ProtobufError;

type Result<T> = std::result::Result<T, ProtobufError>;

/// Where the walk is.
pub(super) struct Cursor<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    pub(super) fn wrong(&self) -> ProtobufError {
        ProtobufError::Json(self.at)
    }

    /// The first byte of the next value.
    pub(super) fn peek(&mut self) -> Result<u8> {
        loop {
            match self.json.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(self.wrong()),
            }
        }
    }

    /// Goes past a byte, if it is the next.
    pub(super) fn eat(&mut self, byte: u8) -> Result<bool> {
        let is = self.peek()? == byte;
        self.at += usize::from(is);
        Ok(is)
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.eat(byte)? {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    /// Goes past null, if it is next.
    pub(super) fn null(&mut self) -> Result<bool> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.skip()?;
        Ok(true)
    }

    /// Goes into an object or a list.
    pub(super) fn enter(&mut self, bracket: u8) -> Result<()> {
        self.expect(bracket)
    }

    /// Whether another member follows, in an object or list whose last bracket is `end`. `first`: none has come yet.
    pub(super) fn more(&mut self, first: &mut bool, end: u8) -> Result<bool> {
        if self.eat(end)? {
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// The key of a member; the value is next.
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Text.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>> {
        if self.peek()? != b'"' {
            return Err(self.wrong());
        }
        let start = self.at;
        let escaped = self.string_end()?;
        let quoted = self.json.get(start..self.at).unwrap_or_default();
        let wrong = || ProtobufError::Json(start);
        if escaped {
            return serde_json::from_slice(quoted)
                .map(Cow::Owned)
                .map_err(|_| wrong());
        }
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        std::str::from_utf8(inner)
            .map(Cow::Borrowed)
            .map_err(|_| wrong())
    }

    /// Goes to behind the string that begins here, and tells whether it has escapes.
    fn string_end(&mut self) -> Result<bool> {
        let mut escaped = false;
        let mut at = self.at + 1;
        loop {
            let rest = self.json.get(at..).unwrap_or_default();
            at += memchr2(b'"', b'\\', rest).ok_or_else(|| self.wrong())?;
            if self.json.get(at) == Some(&b'"') {
                self.at = at + 1;
                return Ok(escaped);
            }
            escaped = true;
            at += 2;
        }
    }

    /// A number, true, false or null, as it is written.
    pub(super) fn word(&mut self) -> Result<&'a str> {
        self.peek()?;
        let rest = self.json.get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| {
            matches!(
                byte,
                b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b':' | b'"' | b'{' | b'['
            )
        };
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let word = rest.get(..length).filter(|word| !word.is_empty());
        let word = word.and_then(|word| std::str::from_utf8(word).ok());
        let word = word.ok_or_else(|| self.wrong())?;
        self.at += length;
        Ok(word)
    }

    /// Goes past a value and returns its bytes.
    pub(super) fn skip(&mut self) -> Result<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string_end()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or_else(|| self.wrong())?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    self.word()?;
                }
            }
            if depth == 0 {
                return Ok(self.json.get(start..self.at).unwrap_or_default());
            }
        }
    }
}

/// JSON without the white space between its words.
pub(super) fn compact(json: &[u8]) -> Cow<'_, [u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    if !json.iter().any(is_space) {
        return Cow::Borrowed(json);
    }
    let (mut quoted, mut escaped) = (false, false);
    let keep = |byte: &&u8| {
        let kept = quoted || !is_space(byte);
        match (quoted, escaped, **byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, _, b'"') => quoted = !quoted,
            _ => {}
        }
        kept
    };
    Cow::Owned(json.iter().filter(keep).copied().collect())
}
