//! Image references, parsed and normalised as Docker and Kubernetes do.

use std::fmt;
use std::str::FromStr;

use oci_client::{ParseError, Reference as OciReference};

use super::digest::Digest;
use crate::cri::Error;

/// A normalised image reference: registry, repository, and a tag, a digest or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(OciReference);

impl Reference {
    /// Parses what a pod's `image` field may hold. `nginx` becomes `docker.io/library/nginx:latest`.
    /// Error: `InvalidImageName`, in the words of the reference grammar.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|reason| Error::InvalidImageName {
            reference: text.to_owned(),
            reason,
        })
    }

    /// `docker.io/library/nginx`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.0.registry(), self.0.repository())
    }

    /// `HOST[:PORT]`.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The tag; `None` where only a digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// The digest, if it is one that content can be stored under.
    pub fn digest(&self) -> Option<Digest> {
        self.0.digest().and_then(|d| d.parse().ok())
    }

    /// `docker.io/library/nginx:1.27`, if it has a tag.
    pub fn tagged(&self) -> Option<String> {
        self.tag().map(|tag| format!("{}:{tag}", self.name()))
    }

    /// The repository with a digest instead of the tag.
    pub fn with_digest(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.name())
    }

    /// Whether the registry is this host itself, which is spoken to without TLS.
    pub fn is_loopback(&self) -> bool {
        let registry = self.registry();
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }

    pub(super) fn oci(&self) -> &OciReference {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    if Digest::from_hex(text).is_ok() {
        return Err(format!(
            "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        ));
    }
    let parsed = match OciReference::from_str(text) {
        Ok(parsed) => parsed,
        Err(ParseError::NameEmpty) => return Err(ParseError::ReferenceInvalidFormat.to_string()),
        Err(error @ ParseError::ReferenceInvalidFormat) => return Err(explain(text, &error)),
        Err(error) => return Err(error.to_string()),
    };
    // A first component with upper-case letters is a host name to Docker, whatever else it looks like.
    match parsed.repository().split_once('/') {
        Some((host, repository)) if host.bytes().any(|b| b.is_ascii_uppercase()) => {
            let rest = text
                .strip_prefix(host)
                .and_then(|rest| rest.strip_prefix('/'))
                .unwrap_or(repository);
            let on_host =
                OciReference::from_str(&format!("{}.invalid/{rest}", host.to_ascii_lowercase()));
            on_host
                .map(|r| Reference(rebase(host, &r)))
                .map_err(|e| e.to_string())
        }
        _ => Ok(Reference(parsed)),
    }
}

/// Says that upper-case letters are all that is wrong, where that is so.
fn explain(text: &str, error: &ParseError) -> String {
    match OciReference::from_str(&text.to_lowercase()) {
        Ok(lower) => {
            let shown = lower.repository();
            let original = text
                .to_lowercase()
                .find(shown)
                .and_then(|at| text.get(at..at + shown.len()));
            let name = original.map_or_else(
                // The repository was completed with `library/`, which does not stand in the text.
                || format!("library/{}", text.split([':', '@']).next().unwrap_or(text)),
                str::to_owned,
            );
            format!("{error}: repository name ({name}) must be lowercase")
        }
        Err(_) => error.to_string(),
    }
}

fn rebase(host: &str, parsed: &OciReference) -> OciReference {
    let (host, repository) = (host.to_owned(), parsed.repository().to_owned());
    match (parsed.tag(), parsed.digest()) {
        (Some(tag), Some(digest)) => {
            OciReference::with_tag_and_digest(host, repository, tag.to_owned(), digest.to_owned())
        }
        (_, Some(digest)) => OciReference::with_digest(host, repository, digest.to_owned()),
        (tag, None) => OciReference::with_tag(host, repository, tag.unwrap_or("latest").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, whole: &str) {
        assert_eq!(Reference::parse(text).unwrap().to_string(), whole);
    }

    #[track_caller]
    fn refused(text: &str, reason: &str) {
        match Reference::parse(text) {
            Err(error @ Error::InvalidImageName { .. }) => {
                assert_eq!(
                    error.to_string(),
                    format!("couldn't parse image name {text:?}: {reason}")
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn short_names_are_completed_as_docker_does() {
        check("nginx", "docker.io/library/nginx:latest");
        check("nginx:1.27", "docker.io/library/nginx:1.27");
        check("org/app", "docker.io/org/app:latest");
        check("index.docker.io/nginx", "docker.io/library/nginx:latest");
        check("localhost/app", "localhost/app:latest");
        check("localhost:5000/app", "localhost:5000/app:latest");
        check("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10");
        check("Host/app:1", "Host/app:1");
    }

    #[test]
    fn a_port_is_not_a_tag_and_a_digest_needs_no_tag() {
        let digest = Digest::of(b"x");
        check(
            &format!("h:5000/a/b@{digest}"),
            &format!("h:5000/a/b@{digest}"),
        );
        check(
            &format!("nginx:1@{digest}"),
            &format!("docker.io/library/nginx:1@{digest}"),
        );
        assert_eq!(
            Reference::parse(&format!("nginx@{digest}"))
                .unwrap()
                .digest(),
            Some(digest)
        );
    }

    #[test]
    fn bad_names_are_refused_in_the_grammars_words() {
        refused("", "invalid reference format");
        refused(
            "Foo",
            "invalid reference format: repository name (library/Foo) must be lowercase",
        );
        refused(
            "quay.io/Foo:1",
            "invalid reference format: repository name (Foo) must be lowercase",
        );
        refused("a b", "invalid reference format");
        refused("../x", "invalid reference format");
        refused("nginx:", "invalid reference format");
        refused(
            "nginx@sha256:00112233445566778899aabbccddeeff",
            "invalid checksum digest length",
        );
        let hex = "0".repeat(64);
        refused(
            &hex,
            &format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings"),
        );
    }

    #[test]
    fn only_this_host_is_spoken_to_without_tls() {
        for (text, loopback) in [
            ("localhost:5000/a", true),
            ("127.0.0.1:80/a", true),
            ("127.0.0.1.evil.com/a", false),
            ("nginx", false),
        ] {
            assert_eq!(
                Reference::parse(text).unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }
}
