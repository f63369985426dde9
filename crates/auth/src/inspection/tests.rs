use super::*;
use crate::pki::Pki;
use crate::{MASTERS, Subject};

#[test]
fn what_lies_there_is_told() {
    let place = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let pki = Pki::open(place.path(), "i", now).unwrap();
    let subject = Subject {
        name: "kubernetes-admin".into(),
        group: Some(MASTERS.into()),
        ..Subject::default()
    };
    pki.client("admin", &subject, now).unwrap();
    std::fs::write(place.path().join("other.crt"), "nothing").unwrap();
    let found = inspect(place.path()).unwrap();
    let [admin, authority] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((&*admin.name, &*authority.name), ("admin", "ca"));
    assert!(admin.subject.contains("CN=kubernetes-admin"), "{admin:?}");
    assert!(admin.subject.contains("O=system:masters"), "{admin:?}");
    assert_eq!(admin.issuer, authority.subject);
    let left = admin.not_after - seconds(now);
    assert!((364..=365).contains(&(left / 86_400)), "{left}");
}

#[test]
fn what_should_have_been_renewed_is_soon() {
    let of = |life: i64, left: i64| {
        let found = Found {
            name: String::new(),
            subject: String::new(),
            issuer: String::new(),
            not_after: left,
            life,
        };
        found.standing(0)
    };
    let day = 86_400;
    assert_eq!(of(365 * day, 31 * day), Standing::Good);
    assert_eq!(of(365 * day, 29 * day), Standing::Soon);
    assert_eq!(of(120, 11), Standing::Good);
    assert_eq!(of(120, 10), Standing::Good);
    assert_eq!(of(120, 9), Standing::Soon);
    assert_eq!(of(100, 0), Standing::Over);
}

#[test]
fn a_pin_is_of_the_key() {
    let place = tempfile::tempdir().unwrap();
    let pki = Pki::open(place.path(), "i", SystemTime::now()).unwrap();
    let pin = pin(pki.authority.certificate()).unwrap();
    assert_eq!(pin.len(), "sha256:".len() + 64);
    let (_, block) =
        x509_parser::pem::parse_x509_pem(pki.authority.certificate().as_bytes()).unwrap();
    assert_eq!(pin_of_der(&block.contents), Some(pin.clone()));
    assert_eq!(super::pin(&pem(&block.contents)), Some(pin));
}
