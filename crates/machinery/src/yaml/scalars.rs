//! How a text is written: plain, in quotes, or as a block; and where its lines are broken. As libyaml does it, which go-yaml follows.

use super::resolve::{self, Scalar};

/// A line is broken at the first space behind this column.
const WIDTH: usize = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What merges another map into the one it is a key of, where it is plain.
const MERGE: &str = "<<";

/// A key, which stays on its line. go-yaml writes that one plainly too, and cannot read it back.
pub(super) fn key(out: &mut String, text: &str) {
    match style(text) {
        Style::Plain if text == MERGE => out.push_str(&single(text)),
        Style::Plain => out.push_str(text),
        Style::Single => out.push_str(&single(text)),
        Style::Double | Style::Literal => double(out, text, None),
    }
}

/// A value, whose further lines begin at that column.
pub(super) fn value(out: &mut String, text: &str, column: usize) {
    match style(text) {
        Style::Plain => folded(out, text, column, false),
        Style::Single => folded(out, &single(text), column, true),
        Style::Double => double(out, text, Some(column)),
        Style::Literal => block(out, text, column),
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The style that a text wants, or the next that it may have.
fn style(text: &str) -> Style {
    // Breaks that only YAML knows would be followed by spaces that readers do not agree on.
    if text
        .chars()
        .any(|letter| !printable(letter) || is_break(letter))
    {
        return Style::Double;
    }
    if text.contains('\n') {
        let ends = text.ends_with(' ') || text.contains(" \n");
        return if ends { Style::Double } else { Style::Literal };
    }
    match means_text(text) {
        false => Style::Double,
        true if may_be_plain(text) => Style::Plain,
        true => Style::Single,
    }
}

/// Whether a reader of YAML 1.1 takes it for a text without quotes.
fn means_text(text: &str) -> bool {
    let plain = matches!(resolve::plain(text), Scalar::Text | Scalar::Merge);
    plain && !resolve::is_base60(text) && !is_time(text)
}

/// `2026-11-29`, alone or with a time behind it.
fn is_time(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>, least: usize, most: usize| {
        part.filter(|part| {
            (least..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        })
        .is_some()
    };
    if !digits(parts.next(), 4, 4) || !digits(parts.next(), 1, 2) {
        return false;
    }
    let rest = parts.next().unwrap_or_default();
    let at = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (day, time) = rest.split_at(at);
    digits(Some(day), 1, 2) && (time.is_empty() || is_clock(time))
}

/// `T10:00:00Z`, `t1:2:3.5+01:00`, ` 10:00:00`: only the first two have a zone.
fn is_clock(text: &str) -> bool {
    let (clock, zoned) = match text.as_bytes().first() {
        Some(b'T' | b't') => (&text[1..], true),
        Some(b' ') => (text.trim_start(), false),
        _ => return false,
    };
    let end = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(end);
    let parts: Vec<&str> = clock.split(':').collect();
    let number =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_zone = zone == "Z" || (zone.len() == 6 && zone.as_bytes()[3] == b':');
    parts.len() == 3
        && parts.into_iter().all(number)
        && (if zoned { is_zone } else { zone.is_empty() })
}

/// Whether nothing in it is a sign of something else in a block.
fn may_be_plain(text: &str) -> bool {
    let blank = |at: usize| matches!(text.as_bytes().get(at), None | Some(b' '));
    let begins = match text.as_bytes().first() {
        None | Some(b' ') => false,
        Some(b'-' | b'?' | b':') => !blank(1),
        Some(first) => !b"#,[]{}&*!|>'\"%@`".contains(first),
    };
    let within = text.char_indices().all(|(at, letter)| match letter {
        ':' => !blank(at + 1),
        '#' => at == 0 || !blank(at - 1),
        _ => true,
    });
    begins && within && !text.ends_with(' ') && !text.starts_with("---") && !text.starts_with("...")
}

/// Breaks of a line that only YAML knows.
fn is_break(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}')
}

fn printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// The column where the text's line stands.
fn column_of(out: &str) -> usize {
    let line = out.rfind('\n').map_or(out, |at| &out[at + 1..]);
    line.chars().count()
}

/// Breaks lines at single spaces. Between quotes not at the first or the last letter.
fn folded(out: &mut String, text: &str, indent: usize, quoted: bool) {
    let mut column = column_of(out);
    let mut spaces = false;
    let (first, last) = if quoted {
        (2, text.len() - 2)
    } else {
        (0, text.len())
    };
    for (at, letter) in text.char_indices() {
        let inside = !quoted || (at >= first && at < last);
        let next_is_space = text[at + letter.len_utf8()..].starts_with(' ');
        if letter == ' ' && !spaces && column > WIDTH && inside && !next_is_space {
            column = break_line(out, indent);
        } else {
            out.push(letter);
            column += 1;
        }
        spaces = letter == ' ';
    }
}

fn break_line(out: &mut String, indent: usize) -> usize {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    indent
}

/// In double quotes; broken at spaces where a column for the next line is given.
fn double(out: &mut String, text: &str, indent: Option<usize>) {
    let mut column = column_of(out) + 1;
    let mut spaces = false;
    out.push('"');
    for (at, letter) in text.char_indices() {
        let (is_first, rest) = (at == 0, &text[at + letter.len_utf8()..]);
        let breaks = letter == ' ' && !spaces && column > WIDTH && !is_first && !rest.is_empty();
        spaces = letter == ' ';
        if let Some(indent) = indent.filter(|_| breaks) {
            column = break_line(out, indent);
            if rest.starts_with(' ') {
                out.push('\\');
                column += 1;
            }
            continue;
        }
        let before = out.len();
        escaped(out, letter);
        column += out[before..].chars().count();
    }
    out.push('"');
}

fn escaped(out: &mut String, letter: char) {
    let short = match letter {
        '"' | '\\' => letter,
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        letter if printable(letter) && !is_break(letter) => return out.push(letter),
        letter => {
            let code = u32::from(letter);
            return out.push_str(&match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    out.extend(['\\', short]);
}

/// Line by line, as it is.
fn block(out: &mut String, text: &str, column: usize) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        // Where the text begins could not be told.
        out.push('2');
    }
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    out.push_str(match ends {
        0 => "-",
        1 if !body.is_empty() => "",
        _ => "+",
    });
    let kept = if ends > 1 {
        &text[..text.len() - 1]
    } else {
        body
    };
    for line in kept.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', column));
            out.push_str(line);
        }
    }
}
