//! Reading selectors.

use std::collections::BTreeSet;

use super::{Operator, Requirement, SelectorError};
use crate::field::{Error, Path};
use crate::limits::MAX_SELECTOR_REQUIREMENTS;
use crate::names;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A key, value, `in` or `notin`.
    Word(&'a str),
    /// `= == != ! ( ) , < >`.
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    fn literal(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    next: Token<'a>,
}

fn special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'<' | b'>')
}

fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn error<T>(message: impl Into<String>) -> Result<T, SelectorError> {
    Err(SelectorError(message.into()))
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        // A zero byte ends the text, as it does for Kubernetes.
        let mut parser = Self {
            rest: text.split('\0').next().unwrap_or(""),
            next: Token::End,
        };
        parser.next = parser.lex();
        parser
    }

    fn lex(&mut self) -> Token<'a> {
        self.rest = self
            .rest
            .trim_start_matches(|c| u8::try_from(c).is_ok_and(space));
        let bytes = self.rest.as_bytes();
        let (length, symbol) = match bytes {
            [] => return Token::End,
            [b'=' | b'!', b'=', ..] => (2, true),
            [first, ..] if special(*first) => (1, true),
            _ => (
                bytes
                    .iter()
                    .position(|&b| special(b) || space(b))
                    .unwrap_or(bytes.len()),
                false,
            ),
        };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        if symbol {
            Token::Symbol(token)
        } else {
            Token::Word(token)
        }
    }

    fn take(&mut self) -> Token<'a> {
        let lexed = self.lex();
        std::mem::replace(&mut self.next, lexed)
    }

    fn starts_requirement(&self) -> bool {
        matches!(self.next, Token::Word(_) | Token::Symbol("!"))
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, SelectorError> {
        let mut requirements = Vec::new();
        if self.next != Token::End && !self.starts_requirement() {
            return error(format!(
                "found '{}', expected: !, identifier, or 'end of string'",
                self.next.literal()
            ));
        }
        while self.next != Token::End {
            let requirement = self.requirement();
            requirements.push(
                requirement.map_err(|error| {
                    SelectorError(format!("unable to parse requirement: {error}"))
                })?,
            );
            if requirements.len() > MAX_SELECTOR_REQUIREMENTS {
                return error(format!(
                    "a selector must have at most {MAX_SELECTOR_REQUIREMENTS} requirements"
                ));
            }
            match self.take() {
                Token::End => break,
                Token::Symbol(",") if self.starts_requirement() => {}
                Token::Symbol(",") => {
                    return error(format!(
                        "found '{}', expected: identifier after ','",
                        self.next.literal()
                    ));
                }
                other => {
                    return error(format!(
                        "found '{}', expected: ',' or 'end of string'",
                        other.literal()
                    ));
                }
            }
        }
        Ok(requirements)
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let absent = self.next == Token::Symbol("!");
        if absent {
            self.take();
        }
        let key = match self.take() {
            Token::Word(key) => key,
            other => return error(format!("found '{}', expected: identifier", other.literal())),
        };
        let findings = names::is_qualified_name(key);
        if !findings.is_empty() {
            return error(Error::invalid(&Path::root(), key, findings.join("; ")).to_string());
        }
        if absent || matches!(self.next, Token::End | Token::Symbol(",")) {
            let operator = if absent {
                Operator::DoesNotExist
            } else {
                Operator::Exists
            };
            return Requirement::new(key, operator, Vec::new());
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.value()?.to_owned()],
        };
        Requirement::new(key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        Ok(match self.take() {
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            other => {
                return error(format!(
                    "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                    other.literal()
                ));
            }
        })
    }

    fn value(&mut self) -> Result<&'a str, SelectorError> {
        if matches!(self.next, Token::End | Token::Symbol(",")) {
            return Ok("");
        }
        match self.take() {
            Token::Word(value) => Ok(value),
            other => error(format!("found '{}', expected: identifier", other.literal())),
        }
    }

    /// `(a,b)`. A missing value is an empty one.
    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        match self.take() {
            Token::Symbol("(") => {}
            other => return error(format!("found '{}' expected: '('", other.literal())),
        }
        let mut values = BTreeSet::new();
        match self.next {
            Token::Word(_) | Token::Symbol("," | ")") => {}
            other => {
                return error(format!(
                    "found '{}', expected: ',', ')' or identifier",
                    other.literal()
                ));
            }
        }
        loop {
            if let Token::Word(word) = self.next {
                values.insert(word.to_owned());
                self.take();
            } else if matches!(self.next, Token::Symbol("," | ")")) {
                values.insert(String::new());
            } else {
                return error(format!(
                    "found '{}', expected: ',', or identifier",
                    self.next.literal()
                ));
            }
            match self.take() {
                Token::Symbol(",") => {}
                Token::Symbol(")") => return Ok(values.into_iter().collect()),
                other => {
                    return error(format!("found '{}', expected: ',' or ')'", other.literal()));
                }
            }
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    Parser::new(text).requirements()
}
