//! Addresses of the web, read as Go's `net/url` reads them: as much of it as objects may hold.

#[cfg(test)]
mod tests;

use navarch_machinery::field::quote;

/// The parts of an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WebAddress {
    /// In lower case; empty: none.
    pub(crate) scheme: String,
    /// What stands before the host; `None`: nothing does.
    pub(crate) user: Option<String>,
    /// With its port.
    pub(crate) host: String,
    /// Behind the question mark.
    pub(crate) query: String,
    /// Behind the number sign.
    pub(crate) fragment: String,
}

/// Reads an address. The error is in Go's words.
pub(crate) fn parse(text: &str) -> Result<WebAddress, String> {
    let fail = |why: &str| Err(format!("parse {}: {why}", quote(text)));
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return fail("net/url: invalid control character in URL");
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, rest) = match scheme_of(rest) {
        Ok(parts) => parts,
        Err(why) => return fail(why),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut address = WebAddress {
        scheme: scheme.to_ascii_lowercase(),
        query: query.to_owned(),
        fragment: fragment.to_owned(),
        ..Default::default()
    };
    if let Some(authority) = rest.strip_prefix("//") {
        let authority = authority.split('/').next().unwrap_or_default();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        if let Err(why) = check_host(host) {
            return fail(&why);
        }
        (address.user, address.host) = (user, host.to_owned());
    } else if scheme.is_empty()
        && rest
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'))
    {
        return fail("first path segment in URL cannot contain colon");
    }
    Ok(address)
}

/// What stands before the first colon, if that can be a scheme, and the rest.
fn scheme_of(text: &str) -> Result<(&str, &str), &'static str> {
    for (at, letter) in text.char_indices() {
        match letter {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme"),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => host.split_at(at),
        _ => (host, ""),
    };
    if !port.chars().skip(1).all(|c| c.is_ascii_digit()) {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    let fits = |c: &char| {
        c.is_ascii_alphanumeric() || !c.is_ascii() || "-_.~!$&'()*+,;=:[]<>\"%".contains(*c)
    };
    match name.chars().find(|c| !fits(c)) {
        Some(letter) => Err(format!(
            "invalid character {} in host name",
            quote(&letter.to_string())
        )),
        None => Ok(()),
    }
}
