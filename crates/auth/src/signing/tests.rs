use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::identity_of_certificate;

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    // A whole number of seconds: a certificate holds no parts of one.
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn authority() -> Authority {
    Authority::create("test", now()).unwrap()
}

fn request(key: &KeyPair) -> Requested {
    let mut params = CertificateParams::new(["n.example".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "bob");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "dev");
    let address = SanType::IpAddress([10, 0, 0, 1].into());
    params.subject_alt_names.push(address);
    let pem = params.serialize_request(key).unwrap().pem().unwrap();
    Requested::read(pem.as_bytes()).unwrap()
}

fn sign(request: &Requested, usages: &[&str], life: Duration) -> CertificateDer<'static> {
    let usages: Vec<String> = usages.iter().map(|&usage| usage.to_owned()).collect();
    let signed = authority().sign(request, &usages, life, now()).unwrap();
    CertificateDer::from_pem_slice(signed.as_bytes()).unwrap()
}

#[test]
fn what_was_asked_for_is_signed() {
    let key = KeyPair::generate().unwrap();
    let mut request = request(&key);
    request.subject[0].1.push("ops".to_owned());
    let authority = authority();
    let usages = ["client auth", "digital signature"].map(str::to_owned);
    let signed = authority.sign(&request, &usages, DAY, now()).unwrap();
    let der = CertificateDer::from_pem_slice(signed.as_bytes()).unwrap();
    let user = identity_of_certificate(&der).unwrap();
    assert_eq!(user.name, "bob");
    assert_eq!(user.groups, ["dev", "ops", crate::AUTHENTICATED]);
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(certificate.public_key().raw, request.public_key);
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 2);
    let simple = certificate.key_usage().unwrap().unwrap().value;
    assert_eq!(simple.flags, 1, "a digital signature alone");
    let extended = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.client_auth && !extended.server_auth);
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && !constraints.value.ca);
    let own = CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap();
    let (_, own) = X509Certificate::from_der(&own).unwrap();
    certificate
        .verify_signature(Some(own.public_key()))
        .unwrap();
    assert_eq!(certificate.issuer(), own.subject());
    let again = authority.sign(&request, &usages, DAY, now()).unwrap();
    let again = CertificateDer::from_pem_slice(again.as_bytes()).unwrap();
    let (_, again) = X509Certificate::from_der(&again).unwrap();
    assert_ne!(certificate.serial, again.serial);
}

#[test]
fn it_holds_from_before_now_and_no_longer_than_the_authority() {
    let request = request(&KeyPair::generate().unwrap());
    let of = |life: Duration| {
        let der = sign(&request, &["client auth"], life);
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let validity = certificate.validity();
        (
            validity.not_before.timestamp() - 1_800_000_000,
            validity.not_after.timestamp() - 1_800_000_000,
        )
    };
    assert_eq!(of(HOUR), (-300, 3600));
    assert_eq!(of(DAY), (-300, 24 * 3600 - 300));
    assert_eq!(of(Duration::from_secs(10)), (-5, 10));
    assert_eq!(of(DAY * 365 * 20).1, 10 * 365 * 24 * 3600);
    let authority = authority();
    let late = now() + DAY * 3650;
    let usages = ["client auth".to_owned()];
    assert!(authority.sign(&request, &usages, HOUR, late).is_err());
    let unknown = ["flying".to_owned()];
    assert!(authority.sign(&request, &unknown, HOUR, now()).is_err());
}

#[test]
fn keys_are_signed_that_the_authority_could_not_sign_with() {
    let mut request = request(&KeyPair::generate().unwrap());
    // A key on a curve that is not ours (P-521), whose point is nonsense: nobody computes with it here.
    request.public_key = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                let of = yasna::models::ObjectIdentifier::from_slice;
                writer.next().write_oid(&of(&[1, 2, 840, 10045, 2, 1]));
                writer.next().write_oid(&of(&[1, 3, 132, 0, 35]));
            });
            writer.next().write_bitvec_bytes(&[4; 133], 133 * 8);
        });
    });
    let der = sign(
        &request,
        &["server auth", "s/mime", "email protection"],
        DAY,
    );
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(certificate.public_key().raw, request.public_key);
    let extended = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.email_protection);
    assert!(certificate.key_usage().unwrap().is_none());
}
