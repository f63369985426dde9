//! An Accept header, taken apart as Kubernetes' own parser does it, which is more lenient than the RFC and orders in its own way.

/// The choices that are looked at; a client names a handful.
const MAX_CHOICES: usize = 64;

/// One choice of an Accept header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice<'a> {
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    pub(super) quality: f64,
    /// All but `q`.
    pub(super) parameters: Vec<(&'a str, &'a str)>,
}

impl Choice<'_> {
    /// Whether it means that media type.
    pub(super) fn matches(&self, media: &str) -> bool {
        let (kind, subtype) = media.split_once('/').unwrap_or((media, ""));
        match (self.kind, self.subtype) {
            ("*", "*") => true,
            (own, "*") => own == kind,
            (own, sub) => own == kind && sub == subtype,
        }
    }
}

/// The choices of a header in the order in which they are tried.
pub(super) fn choices(header: &str) -> Vec<Choice<'_>> {
    let all = header.split(',').filter_map(choice).take(MAX_CHOICES);
    let mut sorted: Vec<Choice<'_>> = Vec::new();
    for choice in all {
        // What goes before what is no order in the strict sense, so that how it is sorted makes a difference.
        let mut at = sorted.len();
        while at > 0
            && sorted
                .get(at - 1)
                .is_some_and(|other| before(&choice, other))
        {
            at -= 1;
        }
        sorted.insert(at, choice);
    }
    sorted
}

fn before(a: &Choice<'_>, b: &Choice<'_>) -> bool {
    a.quality > b.quality
        || (a.kind != "*" && b.kind == "*")
        || (a.subtype != "*" && b.subtype == "*")
}

fn choice(text: &str) -> Option<Choice<'_>> {
    let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
    let (kind, subtype) = match trim(media).split_once('/') {
        Some((kind, subtype)) => (trim(kind), trim(subtype)),
        None => (trim(media), ""),
    };
    let subtype = match (kind, subtype.is_empty()) {
        ("*", true) => "*",
        (_, true) => return None,
        _ if subtype.contains('/') => return None,
        _ => subtype,
    };
    let mut choice = Choice {
        kind,
        subtype,
        quality: 1.0,
        parameters: Vec::new(),
    };
    for parameter in parameters.split(';') {
        let Some((key, value)) = parameter.split_once('=') else {
            continue;
        };
        if value.is_empty() || value.contains('=') {
            continue;
        }
        match trim(key) {
            "q" => choice.quality = value.parse().unwrap_or(0.0),
            key => choice.parameters.push((key, trim(value))),
        }
    }
    Some(choice)
}

fn trim(text: &str) -> &str {
    text.trim_matches(' ')
}
