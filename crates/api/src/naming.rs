//! The rules of names that kinds choose from.

#[cfg(test)]
mod tests;

use navarch_machinery::names::{is_dns1123_label, is_dns1123_subdomain};

/// Most kinds: a DNS subdomain. `prefix`: it is a generateName, which may end in a dash.
pub fn subdomain(name: &str, prefix: bool) -> Vec<String> {
    is_dns1123_subdomain(&with_an_end(name, prefix))
}

/// Namespaces, services: a DNS label.
pub fn label(name: &str, prefix: bool) -> Vec<String> {
    is_dns1123_label(&with_an_end(name, prefix))
}

/// The least that any name must be: one segment of a path.
pub fn path_segment(name: &str, prefix: bool) -> Vec<String> {
    let whole = [".", ".."]
        .into_iter()
        .filter(|bad| !prefix && name == *bad)
        .map(|bad| format!("may not be '{bad}'"));
    let within = ["/", "%"]
        .into_iter()
        .filter(|bad| name.contains(bad))
        .map(|bad| format!("may not contain '{bad}'"));
    whole.chain(within).collect()
}

/// A generateName is judged as if something acceptable followed it.
fn with_an_end(name: &str, prefix: bool) -> String {
    match name.strip_suffix('-') {
        Some(base) if prefix && !base.is_empty() => format!("{}a", drop_last(base)),
        _ => name.to_owned(),
    }
}

fn drop_last(text: &str) -> &str {
    let mut letters = text.chars();
    letters.next_back();
    letters.as_str()
}
