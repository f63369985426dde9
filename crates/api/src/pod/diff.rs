//! What differs between two values, as a hint for people at the end of an error.

use serde::Serialize;

/// Lines of context before and after.
const CONTEXT: usize = 3;
/// The most lines of a hint.
const MAX_LINES: usize = 200;

/// The lines from the first to the last that differs, marked with `-` and `+`, after a line break; empty if none does.
pub(crate) fn hint(old: &impl Serialize, new: &impl Serialize) -> String {
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<String>>();
    let old = lines(serde_json::to_string_pretty(old).unwrap_or_default());
    let new = lines(serde_json::to_string_pretty(new).unwrap_or_default());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    if start == old.len() && start == new.len() {
        return String::new();
    }
    let (removed, added) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let before = &old[start.saturating_sub(CONTEXT)..start];
    let after = &old[old.len() - end..(old.len() - end + CONTEXT).min(old.len())];
    let first = start - before.len() + 1;
    let around = before.len() + after.len();
    let mut hint = format!(
        "\n@@ -{first},{} +{first},{} @@\n",
        removed.len() + around,
        added.len() + around
    );
    let marked = |mark: &'static str, lines: &[String]| {
        lines
            .iter()
            .map(move |line| format!("{mark}{line}\n"))
            .collect::<Vec<_>>()
    };
    let all = [
        marked(" ", before),
        marked("-", removed),
        marked("+", added),
        marked(" ", after),
    ]
    .concat();
    hint.extend(all.into_iter().take(MAX_LINES));
    hint
}
