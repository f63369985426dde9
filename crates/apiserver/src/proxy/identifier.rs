//! The name in a proxy's path: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`.

/// It, taken apart. What is not named is empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identifier<'a> {
    pub(super) tls: bool,
    pub(super) name: &'a str,
    /// A number or a name.
    pub(super) port: &'a str,
}

impl<'a> Identifier<'a> {
    /// `None`: it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match *parts.as_slice() {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme, name, port] => (scheme, name, port),
            _ => return None,
        };
        let known = matches!(scheme, "" | "http" | "https");
        (known && !name.is_empty()).then_some(Self {
            tls: scheme == "https",
            name,
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_port_may_be_left_out() {
        let is = |tls, name, port| Some(Identifier { tls, name, port });
        assert_eq!(Identifier::parse("a"), is(false, "a", ""));
        assert_eq!(Identifier::parse("a:web"), is(false, "a", "web"));
        assert_eq!(Identifier::parse("https:a:443"), is(true, "a", "443"));
        assert_eq!(Identifier::parse(":a:"), is(false, "a", ""));
        for none in ["", ":80", "ftp:a:21", "http::80", "http:a:80:x"] {
            assert_eq!(Identifier::parse(none), None, "{none}");
        }
    }
}
