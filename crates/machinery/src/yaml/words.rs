//! go-yaml's words for what is no YAML.

use serde_saphyr::granit_parser::{Marker, ScanError};

/// Which part of go-yaml refuses it, so many lines further on than where it was found here.
enum By {
    /// It counts lines from one.
    Scanner(usize),
    /// It counts lines from zero.
    Parser,
    /// The parser, at the end of the document, which to it is a line of its own.
    End,
    /// Something that tells no line.
    Other,
}

/// What comes before the words proper where the parser's are the same.
const PARSER: [&str; 5] = [
    "while parsing a flow mapping, ",
    "while parsing a flow sequence, ",
    "while parsing a block mapping, ",
    "while parsing a block collection, ",
    "while parsing a node, ",
];

const NO_TOKEN: &str = "found character that cannot start any token";
const NO_CONTENT: &str = "did not find expected node content";
const NO_KEY: &str = "did not find expected key";
const NO_MEMBER: &str = "did not find expected ',' or ']'";
const NO_FIELD: &str = "did not find expected ',' or '}'";

/// Where in a document the error is.
struct Place<'a> {
    before: &'a str,
    after: &'a str,
    /// Whether the innermost thing that is open is a list.
    in_list: bool,
}

/// The words for a document that the parser refuses, of which the innermost thing that is open may be a list.
pub(super) fn syntax(error: &ScanError, text: &str, in_list: bool) -> String {
    let after = from(text, *error.marker());
    let place = Place {
        before: text.strip_suffix(after).unwrap_or(text),
        after,
        in_list,
    };
    let (by, words) = place.refusal(&error.info());
    let line = error.marker().line();
    let line = match by {
        By::Scanner(further) => Some(line + further).filter(|line| *line > 1),
        By::Parser => Some(line.saturating_sub(1)).filter(|line| *line > 0),
        By::End => Some(text.lines().count()),
        By::Other => None,
    };
    line.map_or_else(
        || format!("yaml: {words}"),
        |line| format!("yaml: line {line}: {words}"),
    )
}

impl Place<'_> {
    fn refusal(&self, info: &str) -> (By, String) {
        if let Some(bracket) = info.strip_prefix("unclosed bracket ") {
            return (By::End, self.unclosed(bracket).to_owned());
        }
        if let Some(words) = PARSER.iter().find_map(|context| info.strip_prefix(context)) {
            let words = words.strip_prefix("expected ','").map_or_else(
                || words.to_owned(),
                |rest| format!("did not find expected ','{rest}"),
            );
            return (By::Parser, words);
        }
        let (by, words) = match info {
            "unclosed quote" => (
                By::Scanner(self.lines_left()),
                "found unexpected end of stream",
            ),
            "while parsing node, found unknown anchor" => {
                return (
                    By::Other,
                    format!("unknown anchor '{}' referenced", alias(self.after)),
                );
            }
            "misplaced bracket" if self.wants_content() => (By::Parser, NO_CONTENT),
            "misplaced bracket" => (By::Parser, NO_KEY),
            "illegal placement of ':' indicator" => (By::Parser, self.no_more()),
            "did not find expected <document start>" => (By::Parser, info),
            "simple key expected ':'" | "simple key expected" => {
                (By::Scanner(1), "could not find expected ':'")
            }
            "while scanning a plain scalar, found a tab" => (
                By::Scanner(1),
                "found a tab character that violates indentation",
            ),
            "a block scalar content cannot start with a tab" => (
                By::Scanner(1),
                "found a tab character where an indentation space is expected",
            ),
            _ if info.starts_with("invalid trailing content") => (
                By::Parser,
                if self.is_flow() {
                    self.no_more()
                } else {
                    NO_KEY
                },
            ),
            _ if info.starts_with("unexpected character")
                || info.starts_with("tabs disallowed") =>
            {
                (By::Scanner(0), NO_TOKEN)
            }
            _ => (By::Scanner(0), scanned(info)),
        };
        (by, words.to_owned())
    }

    /// What a document lacks that ends within brackets.
    fn unclosed(&self, bracket: &str) -> &'static str {
        let all = [self.before, self.after].concat();
        if all.trim_end().ends_with(['{', '[', ',', ':']) {
            NO_CONTENT
        } else if bracket.contains('[') {
            NO_MEMBER
        } else {
            NO_FIELD
        }
    }

    fn no_more(&self) -> &'static str {
        if self.in_list { NO_MEMBER } else { NO_FIELD }
    }

    fn wants_content(&self) -> bool {
        let before = self.before.trim_end();
        before.is_empty() || before.ends_with([':', ',', '[', '{', '-'])
    }

    fn is_flow(&self) -> bool {
        self.before.trim_start().starts_with(['{', '['])
    }

    fn lines_left(&self) -> usize {
        self.after.matches('\n').count()
    }
}

/// The text from there on.
pub(super) fn from(text: &str, marker: Marker) -> &str {
    let mut rest = text.chars();
    if let Some(before) = marker.index().checked_sub(1) {
        rest.nth(before);
    }
    rest.as_str()
}

/// The name that an alias has at the beginning of `text`.
pub(super) fn alias(text: &str) -> &str {
    let name = text.strip_prefix('*').unwrap_or(text);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    &name[..end.unwrap_or(name.len())]
}

/// The scanner's words are the same but for what it was scanning.
fn scanned(info: &str) -> &str {
    let context = info.starts_with("while scanning ") || info.starts_with("while parsing ");
    info.split_once(", ")
        .filter(|_| context)
        .map_or(info, |(_, words)| words)
}

/// What is wrong with bytes that are no UTF-8.
pub(super) fn encoding(bytes: &[u8]) -> &'static str {
    let width = match bytes.first() {
        Some(byte) if byte & 0xe0 == 0xc0 => 2,
        Some(byte) if byte & 0xf0 == 0xe0 => 3,
        Some(byte) if byte & 0xf8 == 0xf0 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    match bytes.get(1..width) {
        None => "incomplete UTF-8 octet sequence",
        Some(rest) if rest.iter().any(|byte| byte & 0xc0 != 0x80) => "invalid trailing UTF-8 octet",
        Some(_)
            if matches!(
                bytes,
                [0xc0 | 0xc1, ..] | [0xe0, 0x80..=0x9f, ..] | [0xf0, 0x80..=0x8f, ..]
            ) =>
        {
            "invalid length of a UTF-8 sequence"
        }
        Some(_) => "invalid Unicode character",
    }
}

/// Whether YAML has the character.
pub(super) fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{feff}' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use crate::yaml::to_json;

    fn refuse(yaml: impl AsRef<[u8]>, words: &str) {
        let yaml = yaml.as_ref();
        let error = to_json(yaml).unwrap_err().0;
        let shown = String::from_utf8_lossy(yaml);
        assert_eq!(error, format!("yaml: {words}"), "{shown}");
    }

    #[test]
    fn refuses_brackets_as_go_yaml_does() {
        for yaml in ["{", "[", "{a:", "{a: 1,", "[1,"] {
            refuse(yaml, "line 1: did not find expected node content");
        }
        refuse("{a", "line 1: did not find expected ',' or '}'");
        refuse("key: [a, b", "line 1: did not find expected ',' or ']'");
        refuse("data: {a: b\n", "line 1: did not find expected ',' or '}'");
        refuse("x: [1\ny: 2", "line 1: did not find expected ',' or ']'");
        refuse("{a: 1 b: 2}", "did not find expected ',' or '}'");
        refuse("{\"a\" 1}", "did not find expected ',' or '}'");
        refuse("a: }", "did not find expected node content");
        refuse("a: [b]]", "did not find expected key");
    }

    #[test]
    fn counts_lines_as_go_yaml_does() {
        refuse("a: b\n- c", "line 1: did not find expected key");
        refuse("- - a\n - b", "line 1: did not find expected '-' indicator");
        refuse("a:\n  b: c\n d: e", "line 2: did not find expected key");
        refuse("a: 1\nb", "line 3: could not find expected ':'");
        refuse("a: \"x", "found unexpected end of stream");
        refuse("b: 1\na: \"x\n", "line 3: found unexpected end of stream");
        refuse(
            "a:\n\tb: c",
            "line 2: found character that cannot start any token",
        );
        refuse(
            "a: 1\n\ta: 2",
            "line 2: found a tab character that violates indentation",
        );
        refuse(
            "a: |\n\tx",
            "line 2: found a tab character where an indentation space is expected",
        );
        refuse(
            "%YAML 1.1\na",
            "line 1: did not find expected <document start>",
        );
    }

    #[test]
    fn refuses_the_rest_as_go_yaml_does() {
        refuse("a: @x", "found character that cannot start any token");
        refuse("a: \"\\q\"", "found unknown escape character");
        refuse("a: \"x\" y", "did not find expected key");
        refuse("\u{e9}: *x", "unknown anchor 'x' referenced");
        refuse("a: &a [*a]", "anchor 'a' value contains itself");
        refuse("a: \u{1}", "control characters are not allowed");
        refuse(b"a: \xff", "invalid leading UTF-8 octet");
        refuse(b"\xc3", "incomplete UTF-8 octet sequence");
        refuse(b"a: \xc3(", "invalid trailing UTF-8 octet");
        refuse(b"a: \xed\xa0\x80", "invalid Unicode character");
    }
}
