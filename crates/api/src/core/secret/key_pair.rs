//! Whether a certificate and a key are a pair, in the words of Go's `crypto/tls`.

use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::ber::{BerObject, BerObjectContent};
use x509_parser::der_parser::parse_der;
use x509_parser::oid_registry::{
    OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;

use crate::certificates::pem::{Block, blocks};

const CERTIFICATE: &str = "CERTIFICATE";
const KEY: &str = "PRIVATE KEY";
const UNREADABLE: &str = "tls: failed to parse private key";

/// What keys of what kind are told apart by.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Rsa {
        modulus: Vec<u8>,
    },
    /// The point, where the key says it.
    Ec(Option<Vec<u8>>),
    /// Its public half would have to be computed; it is taken for the right one.
    Ed25519,
}

/// What is wrong with the two. `None`: nothing.
pub(super) fn misfit(certificate: &[u8], key: &[u8]) -> Option<String> {
    check(&blocks(certificate), &blocks(key)).err()
}

fn check(certificates: &[Block], keys: &[Block]) -> Result<(), String> {
    let certificate = first_certificate(certificates)?;
    let key = first_key(keys)?;
    let (_, certificate) = X509Certificate::from_der(&certificate.der)
        .map_err(|_| "x509: malformed certificate".to_owned())?;
    let key = private_key(&key.der).ok_or(UNREADABLE)?;
    let public = certificate.public_key();
    let kind = &public.algorithm.algorithm;
    let data = &*public.subject_public_key.data;
    let fits = match &key {
        Key::Rsa { modulus } if *kind == OID_PKCS1_RSAENCRYPTION => {
            rsa_modulus(data).is_some_and(|own| own == *modulus)
        }
        Key::Ec(point) if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY => {
            point.as_ref().is_none_or(|point| point == data)
        }
        Key::Ed25519 if *kind == OID_SIG_ED25519 => true,
        _ => return Err("tls: private key type does not match public key type".to_owned()),
    };
    match fits {
        true => Ok(()),
        false => Err("tls: private key does not match public key".to_owned()),
    }
}

fn first_certificate(blocks: &[Block]) -> Result<&Block, String> {
    if let Some(found) = blocks.iter().find(|block| block.label == CERTIFICATE) {
        return Ok(found);
    }
    Err(match blocks {
        [] => "tls: failed to find any PEM data in certificate input".to_owned(),
        [one] if one.label.ends_with(KEY) => {
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
                .to_owned()
        }
        many => format!(
            "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: {}",
            labels(many)
        ),
    })
}

fn first_key(blocks: &[Block]) -> Result<&Block, String> {
    let is_key = |label: &str| {
        label
            .strip_suffix(KEY)
            .is_some_and(|kind| kind.is_empty() || kind.ends_with(' '))
    };
    if let Some(found) = blocks.iter().find(|block| is_key(&block.label)) {
        return Ok(found);
    }
    Err(match blocks {
        [] => "tls: failed to find any PEM data in key input".to_owned(),
        [one] if one.label == CERTIFICATE => {
            "tls: found a certificate rather than a key in the PEM for the private key".to_owned()
        }
        many => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: {}",
            labels(many)
        ),
    })
}

fn labels(blocks: &[Block]) -> String {
    let labels: Vec<&str> = blocks.iter().map(|block| &*block.label).collect();
    format!("[{}]", labels.join(" "))
}

/// PKCS#1, PKCS#8 or SEC 1, whatever the block calls itself.
fn private_key(der: &[u8]) -> Option<Key> {
    let (_, outer) = parse_der(der).ok()?;
    let parts = outer.as_sequence().ok()?;
    match (parts.get(1)?.content.clone(), parts.get(2)) {
        (BerObjectContent::Integer(modulus), _) => Some(Key::Rsa {
            modulus: unsigned(modulus),
        }),
        (BerObjectContent::Sequence(algorithm), Some(inner)) => {
            let kind = algorithm.first()?.as_oid().ok()?;
            let inner = inner.as_slice().ok()?;
            if *kind == OID_PKCS1_RSAENCRYPTION || *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
                return private_key(inner);
            }
            (*kind == OID_SIG_ED25519).then_some(Key::Ed25519)
        }
        (BerObjectContent::OctetString(_), _) => Some(Key::Ec(parts.iter().find_map(point))),
        _ => None,
    }
}

/// The public half that a key of SEC 1 may state: a bit string behind the tag 1.
fn point(part: &BerObject<'_>) -> Option<Vec<u8>> {
    if part.header.tag().0 != 1 || !part.header.is_contextspecific() {
        return None;
    }
    let (_, bits) = parse_der(part.as_slice().ok()?).ok()?;
    match bits.content {
        BerObjectContent::BitString(_, bits) => Some(bits.data.to_vec()),
        _ => None,
    }
}

fn rsa_modulus(public: &[u8]) -> Option<Vec<u8>> {
    let (_, key) = parse_der(public).ok()?;
    match key.as_sequence().ok()?.first()?.content {
        BerObjectContent::Integer(modulus) => Some(unsigned(modulus)),
        _ => None,
    }
}

fn unsigned(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}
