//! A key that signs tokens.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::pem::{PemObject, SectionKind};

use super::der::private_key_info;
use super::public_key::{Kind, PublicKey, no_pem};
use crate::{Error, Result};

/// A private key.
pub struct SigningKey {
    pair: Pair,
    random: SystemRandom,
    public: PublicKey,
}

enum Pair {
    Ecdsa(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// There is none, or none that can be used.
    pub fn from_pem(text: &str) -> Result<Self> {
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            let (kind, der) = section.map_err(|_| no_pem())?;
            if let SectionKind::RsaPrivateKey
            | SectionKind::EcPrivateKey
            | SectionKind::PrivateKey = kind
            {
                return Self::from_section(kind, &der);
            }
        }
        Err(Error::Certificate("it holds no private key".to_owned()))
    }

    /// From PKCS #8 in DER.
    ///
    /// # Errors
    /// It is of a kind that cannot be used.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let random = SystemRandom::new();
        for (kind, algorithm) in [
            (Kind::P256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            (Kind::P384, &ECDSA_P384_SHA384_FIXED_SIGNING),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, der, &random) {
                let public = PublicKey::new(kind, pair.public_key().as_ref());
                return Ok(Self {
                    pair: Pair::Ecdsa(Box::new(pair)),
                    random,
                    public,
                });
            }
        }
        RsaKeyPair::from_pkcs8(der)
            .map(|pair| Self::rsa(pair, random))
            .map_err(unusable)
    }

    pub(super) fn from_section(kind: SectionKind, der: &[u8]) -> Result<Self> {
        match kind {
            SectionKind::RsaPrivateKey => RsaKeyPair::from_der(der)
                .map(|pair| Self::rsa(pair, SystemRandom::new()))
                .map_err(unusable),
            // It says its curve itself; the frame around it must say the same.
            SectionKind::EcPrivateKey => [Kind::P256, Kind::P384]
                .iter()
                .map(|kind| Self::from_pkcs8(&private_key_info(kind.identifier(), der)))
                .find(Result::is_ok)
                .unwrap_or_else(|| Err(unusable("another curve"))),
            _ => Self::from_pkcs8(der),
        }
    }

    fn rsa(pair: RsaKeyPair, random: SystemRandom) -> Self {
        let public = PublicKey::new(Kind::Rsa, pair.public_key().as_ref());
        Self {
            pair: Pair::Rsa(Box::new(pair)),
            random,
            public,
        }
    }

    /// Its public part.
    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, text: &str) -> Result<Vec<u8>> {
        let failed = |_| Error::Token("signing failed");
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&self.random, text.as_bytes());
                signature.map(|it| it.as_ref().to_vec()).map_err(failed)
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &self.random,
                    text.as_bytes(),
                    &mut signature,
                )
                .map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

fn unusable(why: impl std::fmt::Display) -> Error {
    Error::Certificate(format!("service account key: {why}"))
}
