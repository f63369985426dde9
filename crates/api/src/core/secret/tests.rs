use super::key_pair::misfit;

fn block(label: &str) -> String {
    format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
}

#[test]
fn what_is_no_pair_is_told_in_gos_words() {
    let check = |certificate: &str, key: &str, expected: &str| {
        let found = misfit(certificate.as_bytes(), key.as_bytes());
        assert_eq!(found.as_deref(), Some(expected));
    };
    let (certificate, key, other) = (block("CERTIFICATE"), block("EC PRIVATE KEY"), block("FOO"));
    check(
        "a",
        "b",
        "tls: failed to find any PEM data in certificate input",
    );
    check(
        &certificate,
        "",
        "tls: failed to find any PEM data in key input",
    );
    check(
        &key,
        &key,
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
    );
    check(
        &format!("{other}{key}"),
        &key,
        "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: \
         [FOO EC PRIVATE KEY]",
    );
    check(
        &certificate,
        &certificate,
        "tls: found a certificate rather than a key in the PEM for the private key",
    );
    check(
        &certificate,
        &other,
        "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following \
         types: [FOO]",
    );
    check(&certificate, &key, "x509: malformed certificate");
}
