//! A key that tokens are believed by.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use rustls_pki_types::pem::{PemObject, SectionKind};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::public_key_info;
use super::signing_key::SigningKey;
use crate::{Error, Result};

/// What a key is, and so how it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    P256,
    P384,
    Rsa,
}

impl Kind {
    /// The JSON web algorithm (RFC 7518).
    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::Rsa => "RS256",
        }
    }

    /// The AlgorithmIdentifier of its keys, in DER.
    pub(super) fn identifier(self) -> &'static [u8] {
        match self {
            Self::P256 => b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
            Self::P384 => b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
            Self::Rsa => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::Rsa => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// An uncompressed point, or an RSAPublicKey in DER.
    key: Vec<u8>,
    id: String,
}

impl PublicKey {
    pub(super) fn new(kind: Kind, key: &[u8]) -> Self {
        let info = public_key_info(kind.identifier(), key);
        let digest = ring::digest::digest(&ring::digest::SHA256, &info);
        Self {
            kind,
            key: key.to_owned(),
            id: BASE64.encode(digest),
        }
    }

    /// All keys of a PEM file: public keys, and the public parts of private keys and certificates, as Kubernetes takes them.
    ///
    /// # Errors
    /// One of them is none that can be used, or there is none at all.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>> {
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            let (kind, der) = section.map_err(|_| no_pem())?;
            keys.push(match kind {
                SectionKind::PublicKey => Self::from_info(&der)?,
                SectionKind::RsaPrivateKey
                | SectionKind::EcPrivateKey
                | SectionKind::PrivateKey => SigningKey::from_section(kind, &der)?.public().clone(),
                SectionKind::Certificate => {
                    let parsed = x509_parser::parse_x509_certificate(&der);
                    let (_, parsed) = parsed.map_err(|_| unusable())?;
                    Self::from_info(parsed.public_key().raw)?
                }
                // Parameters of a curve, say.
                _ => continue,
            });
        }
        match keys.is_empty() {
            true => Err(Error::Certificate("it holds no key".to_owned())),
            false => Ok(keys),
        }
    }

    /// From a SubjectPublicKeyInfo in DER.
    fn from_info(der: &[u8]) -> Result<Self> {
        let (_, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_| unusable())?;
        let key = &info.subject_public_key.data;
        [Kind::P256, Kind::P384, Kind::Rsa]
            .into_iter()
            .find(|kind| public_key_info(kind.identifier(), key) == der)
            .map(|kind| Self::new(kind, key))
            .ok_or_else(unusable)
    }

    /// By what a token names it: the digest of its SubjectPublicKeyInfo, as in Kubernetes.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it has signed this.
    pub(super) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.kind.verification(), &self.key)
            .verify(text.as_bytes(), signature)
            .is_ok()
    }

    /// As a JSON web key (RFC 7517), by which others check tokens.
    pub(super) fn web_key(&self) -> Value {
        let mut key = json!({"use": "sig", "kid": self.id, "alg": self.kind.algorithm()});
        let mut say = |name: &str, value: &str| key[name] = value.into();
        match self.kind {
            Kind::Rsa => {
                let parsed = RSAPublicKey::from_der(&self.key);
                let (modulus, exponent) =
                    parsed.map_or((&[][..], &[][..]), |(_, it)| (it.modulus, it.exponent));
                say("kty", "RSA");
                say("n", &BASE64.encode(without_zeros(modulus)));
                say("e", &BASE64.encode(without_zeros(exponent)));
            }
            Kind::P256 | Kind::P384 => {
                // An uncompressed point: a byte that says so, and the coordinates.
                let point = self.key.get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if self.kind == Kind::P256 {
                    "P-256"
                } else {
                    "P-384"
                };
                say("kty", "EC");
                say("crv", curve);
                say("x", &BASE64.encode(x));
                say("y", &BASE64.encode(y));
            }
        }
        key
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

pub(super) fn no_pem() -> Error {
    Error::Certificate("it is no PEM".to_owned())
}

fn unusable() -> Error {
    let words = "a key for service account tokens is RSA, or ECDSA over P-256 or P-384";
    Error::Certificate(words.to_owned())
}
