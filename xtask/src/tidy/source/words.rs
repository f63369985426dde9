//! Words and paths that say that a file is not finished, or that it tells of one machine.
//!
//! They are written in parts here, so that this file does not find itself.

/// Macros that stand for code that is not there, or that was there to look.
const UNFINISHED: [(&str, &str); 3] = [
    ("todo!", concat!("todo", "!(")),
    ("unimplemented!", concat!("unimplemented", "!(")),
    ("dbg!", concat!("dbg", "!(")),
];
/// Marks of work in progress. Nothing makes them right.
const MARKS: [&str; 5] = [
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("<<<<", "<<< "),
    concat!(">>>>", ">>> "),
    concat!("DO NOT ", "COMMIT"),
];
const TASK: &str = concat!("TO", "DO");
/// Directories of people and of build machines. The first two are followed by somebody's name.
const HOMES: [&str; 2] = [concat!("/ho", "me/"), concat!("/Us", "ers/")];
const MACHINES: [&str; 4] = [
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/bui", "lds/"),
    concat!("/__", "w/"),
];

/// The macro that a line uses in place of code.
pub(super) fn unfinished(line: &str) -> Option<&'static str> {
    UNFINISHED
        .iter()
        .find(|(_, call)| line.contains(call))
        .map(|(name, _)| *name)
}

/// What is wrong with the words of a line.
pub(super) fn check(line: &str) -> Vec<String> {
    let mut messages = Vec::new();
    if let Some(mark) = MARKS.iter().find(|mark| line.contains(*mark)) {
        messages.push(format!(
            "`{}` marks work in progress. Finish it, or open an issue and take the mark out.",
            mark.trim_end()
        ));
    }
    if line.match_indices(TASK).any(|(at, _)| is_bare(line, at)) {
        messages.push(format!(
            "a {TASK} without an issue. Write `{TASK}(#NUMBER)`, or do it."
        ));
    }
    if let Some(path) = machine_path(line) {
        messages.push(format!("`{path}…` is a path of one machine. Use one that every machine has, or a path from the workspace's directory."));
    }
    messages
}

/// Whether the word at `at` stands alone and has no issue number.
fn is_bare(line: &str, at: usize) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (before, after) = (&line[..at], &line[at + TASK.len()..]);
    let alone = !before.ends_with(word) && !after.starts_with(word);
    let number = after
        .strip_prefix("(#")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    alone && !number
}

/// A path that exists on somebody's machine only.
fn machine_path(line: &str) -> Option<&'static str> {
    let starts =
        |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "/_-.}$".contains(c));
    let found = |prefix: &str, deeper: bool| {
        line.match_indices(prefix).any(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            starts(at)
                && (!deeper
                    || rest
                        .trim_start_matches(|c: char| c.is_alphanumeric() || "._-".contains(c))
                        .starts_with('/'))
        })
    };
    let home = HOMES.iter().find(|prefix| found(prefix, true));
    home.or_else(|| MACHINES.iter().find(|prefix| found(prefix, false)))
        .copied()
}
