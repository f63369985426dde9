//! Which devices the processes of a group may use.

mod attach;
mod program;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

/// Devices any container may use: making nodes of any kind, the standard streams' ones, terminals.
pub(super) const USUAL: [&str; 10] = [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
];

/// One line of version 1's `devices.allow`, which is how rules are written here for both versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    kind: Kind,
    /// `None`: any.
    major: Option<u32>,
    minor: Option<u32>,
    read: bool,
    write: bool,
    make: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Character,
    Block,
}

impl Rule {
    /// `c 10:200 rwm`, where a star stands for any number.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = match words.next()? {
            "c" => Kind::Character,
            "b" => Kind::Block,
            _ => return None,
        };
        let (major, minor) = words.next()?.split_once(':')?;
        let number = |text: &str| match text {
            "*" => Some(None),
            digits => digits.parse().ok().map(Some),
        };
        let access = words.next()?;
        Some(Self {
            kind,
            major: number(major)?,
            minor: number(minor)?,
            read: access.contains('r'),
            write: access.contains('w'),
            make: access.contains('m'),
        })
    }
}

/// Lets the processes of a group of version 2 use what these lines allow, and nothing else. The kernel forgets it with the group.
pub(super) fn limit<'a>(group: &Path, lines: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let parsed = |line| {
        Rule::parse(line).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{line:?} is no rule for devices"),
            )
        })
    };
    let rules = lines.map(parsed).collect::<io::Result<Vec<_>>>()?;
    attach::attach(group, &program::of(&rules)).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("limit the devices of {}: {error}", group.display()),
        )
    })
}
