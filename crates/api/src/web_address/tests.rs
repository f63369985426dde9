use super::*;

#[test]
fn reads_the_parts() {
    let address = parse("HTTPS://me@h.example.com:8443/a/b?q=1#f").unwrap();
    assert_eq!(address.scheme, "https");
    assert_eq!(address.user.as_deref(), Some("me"));
    assert_eq!(address.host, "h.example.com:8443");
    assert_eq!((&*address.query, &*address.fragment), ("q=1", "f"));
    assert_eq!(parse("a/b").unwrap(), WebAddress::default());
}

#[test]
fn refuses_in_the_words_of_go() {
    for (text, why) in [
        (":x", "parse \":x\": missing protocol scheme"),
        (
            "1:x",
            "parse \"1:x\": first path segment in URL cannot contain colon",
        ),
        (
            "https://h:x/",
            "parse \"https://h:x/\": invalid port \":x\" after host",
        ),
        (
            "https://a b/",
            "parse \"https://a b/\": invalid character \" \" in host name",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), why);
    }
}
