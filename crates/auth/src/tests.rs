use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::*;
use crate::pki::Pki;

#[test]
fn a_certificate_names_its_user_and_groups() {
    let authority = Authority::create("test", SystemTime::now()).unwrap();
    let subject = Subject {
        name: "alice".into(),
        group: Some("dev".into()),
        ..Default::default()
    };
    let issued = authority
        .issue(&subject, Purpose::Client, SystemTime::now())
        .unwrap();
    let der = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let user = identity_of_certificate(&der).unwrap();
    assert_eq!(
        (user.name.as_str(), user.groups),
        ("alice", vec!["dev".into(), AUTHENTICATED.to_owned()])
    );
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let left = certificate_expires(&der).unwrap() - i64::try_from(now).unwrap();
    assert!((364..=365).contains(&(left / 86_400)), "{left} s left");
}

#[test]
fn token_files_are_read_as_kubernetes_reads_them() {
    let tokens = StaticTokens::parse("# who\nt1,alice,1,\"dev,ops\"\n\nt2,bob,2\n").unwrap();
    assert_eq!(
        tokens.user("t1").unwrap().groups,
        ["dev", "ops", AUTHENTICATED]
    );
    assert_eq!(tokens.user("t2").unwrap().name, "bob");
    assert!(tokens.user("t3").is_none());
    for (text, words) in [
        ("t1,alice", "line 1: token, user and uid are needed"),
        ("a,b,c\n,bob,2", "line 2: the token is empty"),
        ("t1,alice,1,\"dev", "line 1: a quote is not closed"),
    ] {
        let error = StaticTokens::parse(text).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn keys_are_made_once_and_kept_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let subject = Subject {
        name: "admin".into(),
        ..Default::default()
    };
    let first = Pki::open(directory.path(), "i", now).unwrap();
    let certificate = first.client("admin", &subject, now).unwrap().certificate;
    let second = Pki::open(directory.path(), "i", now).unwrap();
    assert_eq!(
        first.authority.certificate(),
        second.authority.certificate()
    );
    assert_eq!(
        certificate,
        second.client("admin", &subject, now).unwrap().certificate
    );
    let late = now + Duration::from_secs(300 * 24 * 3600);
    assert_ne!(
        certificate,
        second.client("admin", &subject, late).unwrap().certificate,
        "renewed when old"
    );
    second.token_keys(Vec::new()).unwrap();
    for key in ["ca.key", "sa.key", "admin.key"] {
        let mode = std::fs::metadata(directory.path().join(key))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn a_server_certificate_follows_its_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let pki = Pki::open(directory.path(), "i", now).unwrap();
    let mut subject = Subject {
        name: "kube-apiserver".into(),
        addresses: vec!["127.0.0.1".parse().unwrap()],
        ..Default::default()
    };
    let first = pki.server("apiserver", &subject, now).unwrap().certificate;
    assert_eq!(
        first,
        pki.server("apiserver", &subject, now).unwrap().certificate
    );
    subject.addresses.push("10.0.0.1".parse().unwrap());
    assert_ne!(
        first,
        pki.server("apiserver", &subject, now).unwrap().certificate
    );
}

/// A group that a client of the cluster's own no longer needs is not in what it shows.
#[test]
fn a_client_certificate_follows_its_user_and_group() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let pki = Pki::open(directory.path(), "i", now).unwrap();
    let made = |name: &str, group: Option<&str>| {
        let subject = Subject {
            name: name.into(),
            group: group.map(str::to_owned),
            ..Default::default()
        };
        pki.client("client", &subject, now).unwrap().certificate
    };
    let first = made("a", Some("system:masters"));
    assert_eq!(made("a", Some("system:masters")), first);
    let second = made("a", None);
    assert_ne!(second, first);
    assert_eq!(made("a", None), second);
    assert_ne!(made("b", None), second);
}

#[test]
fn what_no_client_would_accept_is_made_anew_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let subject = |name: &str| Subject {
        name: "server".into(),
        dns_names: vec!["localhost".into(), name.into()],
        ..Default::default()
    };
    let open = |now| Pki::open(directory.path(), "i", now);
    let pki = open(now).unwrap();
    let server = |name: &str, now| pki.server("server", &subject(name), now).unwrap();
    let first = server("a.example", now).certificate;
    assert_eq!(server("a.example", now).certificate, first);
    let second = server("b.example", now).certificate;
    assert_ne!(second, first, "it has not the new name");
    let key = directory.path().join("server.key");
    std::fs::write(&key, pki.authority.key()).unwrap();
    let third = server("b.example", now).certificate;
    assert_ne!(third, second, "its key is another's");
    // Made while the clock was ahead; now it is right again.
    let ahead = now + Duration::from_secs(300 * 24 * 3600);
    let fourth = server("b.example", ahead).certificate;
    assert_ne!(server("b.example", now).certificate, fourth);

    // As after a rotation of the authority by hand: the same name, another key.
    let fifth = server("b.example", now).certificate;
    let other = Authority::create("navarch", now).unwrap();
    std::fs::write(directory.path().join("ca.crt"), other.certificate()).unwrap();
    std::fs::write(directory.path().join("ca.key"), other.key()).unwrap();
    let sixth = open(now)
        .unwrap()
        .server("server", &subject("b.example"), now);
    assert_ne!(sixth.unwrap().certificate, fifth);

    let before = now - Duration::from_secs(24 * 3600);
    let error = open(before).err().unwrap().to_string();
    assert!(error.contains("ca.crt: this host's clock"), "{error}");
    std::fs::write(directory.path().join("ca.key"), "rubbish").unwrap();
    let error = open(now).err().unwrap().to_string();
    assert!(error.contains("ca.key: "), "{error}");
    std::fs::remove_file(directory.path().join("ca.key")).unwrap();
    let error = open(now).err().unwrap().to_string();
    assert!(
        error.contains("ca.crt: the key of this authority"),
        "{error}"
    );
}
