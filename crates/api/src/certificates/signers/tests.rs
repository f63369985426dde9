use super::*;

const CLIENT: &[&str] = &[DIGITAL_SIGNATURE, CLIENT_AUTH];
const SERVER: &[&str] = &[DIGITAL_SIGNATURE, SERVER_AUTH];

fn node() -> Requested {
    Requested {
        subject: vec![
            (&[2, 5, 4, 10], vec![NODES.to_owned()]),
            (&[2, 5, 4, 3], vec!["system:node:n".to_owned()]),
        ],
        ..Requested::default()
    }
}

/// What a signer says of a request for a node, changed; empty: it signs.
fn says(signer: &str, usages: &[&str], change: impl FnOnce(&mut Requested)) -> String {
    let mut request = node();
    change(&mut request);
    let usages: Vec<String> = usages.iter().map(|&usage| usage.to_owned()).collect();
    let said = check(signer, &request, &usages).unwrap();
    said.err().unwrap_or_default()
}

#[test]
fn a_client_certificate_of_a_node_names_the_node_and_nothing_else() {
    let of = |usages: &[&str], change: fn(&mut Requested)| says(KUBELET_CLIENT, usages, change);
    assert_eq!(of(CLIENT, |_| {}), "");
    let rsa = [CLIENT_AUTH, KEY_ENCIPHERMENT, DIGITAL_SIGNATURE];
    assert_eq!(of(&rsa, |_| {}), "");
    let wrong = "usages did not match [client auth digital signature key encipherment]";
    assert_eq!(of(SERVER, |_| {}), wrong);
    assert_eq!(of(&[CLIENT_AUTH], |_| {}), wrong);
    for (change, words) in [
        (
            (|it| it.subject[0].1.push("system:masters".to_owned())) as fn(&mut Requested),
            "subject organization is not system:nodes",
        ),
        (
            |it| it.subject[1].1 = vec!["admin".to_owned()],
            "subject common name does not begin with system:node:",
        ),
        (
            |it| it.dns_names.push("n".to_owned()),
            "DNS subjectAltNames are not allowed",
        ),
        (
            |it| it.addresses.push([127, 0, 0, 1].into()),
            "IP subjectAltNames are not allowed",
        ),
        (
            |it| it.emails.push("a@b".to_owned()),
            "Email subjectAltNames are not allowed",
        ),
        (
            |it| it.uris.push("a:b".to_owned()),
            "URI subjectAltNames are not allowed",
        ),
    ] {
        assert_eq!(of(CLIENT, change), words);
    }
}

#[test]
fn a_serving_certificate_names_where_the_node_is() {
    let of = |usages: &[&str], change: fn(&mut Requested)| says(KUBELET_SERVING, usages, change);
    assert_eq!(of(SERVER, |it| it.dns_names.push("n".to_owned())), "");
    assert_eq!(of(SERVER, |it| it.addresses.push([1, 2, 3, 4].into())), "");
    assert_eq!(of(SERVER, |_| {}), "DNS or IP subjectAltName is required");
    let wrong = "usages did not match [digital signature key encipherment server auth]";
    let named = of(CLIENT, |it| it.dns_names.push("n".to_owned()));
    assert_eq!(named, wrong);
}

#[test]
fn any_client_may_be_asked_for_with_the_usages_of_one() {
    let of = |usages: &[&str]| says(API_SERVER_CLIENT, usages, |it| it.subject.clear());
    assert_eq!(of(&[CLIENT_AUTH]), "");
    assert_eq!(
        of(&[CLIENT_AUTH, "cert sign"]),
        "invalid usage for client certificate: cert sign"
    );
    assert_eq!(
        of(&[DIGITAL_SIGNATURE]),
        "missing required usage for client certificate: client auth"
    );
    assert_eq!(says(LEGACY_UNKNOWN, &["any"], |_| {}), "");
    assert!(check("example.org/s", &node(), &[]).is_none());
}
