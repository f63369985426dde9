//! What may not stand in a file.

mod words;

use super::Finding;

/// A file longer than this is worth a look.
pub(super) const LONG: usize = 400;
/// A file longer than this is refused.
const TOO_LONG: usize = 800;

/// Crates whose decisions take `now` as an argument: reading a clock there would make them untestable.
const WITHOUT_CLOCK: [&str; 5] = ["machinery", "api", "auth", "scheduler", "controllers"];
const CLOCKS: [&str; 3] = ["Timestamp::now(", "SystemTime::now(", "Zoned::now("];

/// Crates that may use `unsafe`: system calls live at the edge.
const WITH_UNSAFE: [&str; 2] = ["runtime", "network"];
/// The one file that may, too: simulations take the C library's random numbers into their own hands, which no safe function can.
const REPLACES_RANDOM: &str = "crates/sim/tests/it/hashes.rs";
/// In parts, so that this file does not find itself.
const UNSAFE: [&str; 5] = [
    concat!("unsafe", " {"),
    concat!("unsafe", " fn "),
    concat!("unsafe", " impl "),
    concat!("unsafe", " extern "),
    concat!("allow(", "unsafe_code"),
];

/// How a file's length is judged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    Fine,
    WorthALook(usize),
    TooLong(Finding),
}

/// Judges the length of a Rust file. Others may be as long as they are.
pub(super) fn length(path: &str, text: &str) -> Length {
    match text.lines().count() {
        _ if !is_rust(path) => Length::Fine,
        lines if lines > TOO_LONG => Length::TooLong(Finding::new(
            path,
            format!(
                "{lines} lines; {TOO_LONG} is the limit. A file is one idea: find the second one and give it a file."
            ),
        )),
        lines if lines > LONG => Length::WorthALook(lines),
        _ => Length::Fine,
    }
}

/// Looks at every line of a file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let crate_name = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.split('/').next());
    let test = is_test(path);
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut found =
            |message: String| findings.push(Finding::new(format!("{path}:{number}"), message));
        words::check(line).into_iter().for_each(&mut found);
        if !is_rust(path) || line.trim_start().starts_with("//") {
            continue;
        }
        if let Some(name) = words::unfinished(line) {
            found(format!(
                "`{name}` is left over. Finish the work or take it out."
            ));
        }
        if UNSAFE.iter().any(|word| line.contains(word))
            && !crate_name.is_some_and(|name| WITH_UNSAFE.contains(&name))
            && path != REPLACES_RANDOM
        {
            found("`unsafe` outside crates/runtime and crates/network. Do it there, behind a safe function.".to_owned());
        }
        let pure = crate_name.is_some_and(|name| WITHOUT_CLOCK.contains(&name)) && !test;
        if pure && CLOCKS.iter().any(|word| line.contains(word)) {
            found(
                "a clock is read where decisions are pure. Take `now` as an argument.".to_owned(),
            );
        }
    }
    findings
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests;
