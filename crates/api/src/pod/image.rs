//! References to images, as far as a pull policy depends on them.

/// How many characters a reference may have between host and tag.
const MAX_PATH: usize = 255;

/// What is pulled when nobody says: `Always` for the tag `latest`, said or meant, else `IfNotPresent`.
///
/// A text that is no reference has no tag, and so gets `IfNotPresent`.
pub(super) fn pull_policy(image: &str) -> &'static str {
    match tag(image) {
        Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

/// The tag of a reference; `latest` where it has neither tag nor digest, nothing where it has only a digest.
fn tag(image: &str) -> Option<&str> {
    let (named, digest) = match image.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (image, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return None;
    }
    let last = named.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match named[last..].find(':') {
        Some(colon) => (&named[..last + colon], Some(&named[last + colon + 1..])),
        None => (named, None),
    };
    if !is_repository(repository) || tag.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    tag.or(if digest.is_some() {
        None
    } else {
        Some("latest")
    })
}

fn is_digest(digest: &str) -> bool {
    let hex = |text: &str| text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    digest
        .split_once(':')
        .is_some_and(|(algorithm, value)| !algorithm.is_empty() && hex(value))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// `[HOST[:PORT]/]PATH`. A lone name of 64 hex digits would read as an image's id, and is none.
fn is_repository(repository: &str) -> bool {
    if repository.len() == 64
        && repository
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    {
        return false;
    }
    let is_host = |first: &str| {
        first.contains(['.', ':'])
            || first == "localhost"
            || first.bytes().any(|b| b.is_ascii_uppercase())
    };
    let (host, path) = match repository.split_once('/') {
        Some((host, path)) if is_host(host) => (Some(host), path),
        _ => (None, repository),
    };
    // A lone word is kept in a library of its own.
    let implied = match (host, path.contains('/')) {
        (None, false) => "library/".len(),
        _ => 0,
    };
    implied + path.len() <= MAX_PATH
        && host.is_none_or(is_valid_host)
        && path.split('/').all(is_component)
}

/// `NAME[:PORT]` or `[IPV6][:PORT]`.
fn is_valid_host(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name_is_valid, rest) = match bracketed {
        Some((address, rest)) => {
            let inside = |b: u8| b.is_ascii_hexdigit() || b == b':';
            (!address.is_empty() && address.bytes().all(inside), rest)
        }
        None => {
            let end = host.find(':').unwrap_or(host.len());
            (host[..end].split('.').all(is_label), &host[end..])
        }
    };
    let port_is_valid = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    name_is_valid && (rest.is_empty() || rest.strip_prefix(':').is_some_and(port_is_valid))
}

fn is_label(label: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Lower case words joined by `.`, `_`, `__` or any number of `-`.
fn is_component(component: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    ends && component
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn only_latest_is_always_pulled() {
        for image in [
            "busybox",
            "busybox:latest",
            "registry:5000/a/b",
            "Host/a:latest",
            "[fd00::1]:5000/a",
        ] {
            assert_eq!(pull_policy(image), "Always", "{image}");
        }
        let digest = format!("busybox@sha256:{}", "a".repeat(64));
        let (fits, long) = ("x".repeat(247), "x".repeat(248));
        assert_eq!(pull_policy(&fits), "Always");
        for image in [
            "busybox:1",
            "",
            " busybox ",
            "UPPER",
            "a/b:v1",
            "a..b",
            "busybox:",
            "../x",
            "-a.b/x",
            "a.b:x/y",
            long.as_str(),
            digest.as_str(),
        ] {
            assert_eq!(pull_policy(image), "IfNotPresent", "{image}");
        }
    }
}
