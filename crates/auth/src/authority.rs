//! The certificate authority: it signs certificates for servers and clients. ECDSA over P-256 throughout.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};

use crate::signing::{BACKDATE, backdate};
use crate::{Error, Result};

/// How long the authority's own certificate holds: ten years, as kubeadm's.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long issued certificates hold: one year, as kubeadm's.
const LEAF_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To prove a server.
    Server,
    /// To prove a client.
    Client,
    /// Both: a node serves and calls.
    Both,
}

/// Whom a certificate names.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// The common name: a user's name.
    pub name: String,
    /// The organization: a user's group. One at most, as all of the cluster's own certificates have.
    pub group: Option<String>,
    /// Names of a server.
    pub dns_names: Vec<String>,
    /// Addresses of a server.
    pub addresses: Vec<IpAddr>,
}

/// A certificate with its key, both in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

/// An authority that can sign.
pub struct Authority {
    certificate: String,
    key: String,
    issuer: Issuer<'static, KeyPair>,
    leaf_life: Duration,
}

impl Authority {
    /// A new authority with a key of its own.
    pub fn create(name: &str, now: SystemTime) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        params.not_before = (now - BACKDATE).into();
        params.not_after = (now + AUTHORITY_LIFE).into();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?.pem();
        Self::load(certificate, key.serialize_pem())
    }

    /// An authority from its certificate and key in PEM.
    pub fn load(certificate: String, key: String) -> Result<Self> {
        let pair = KeyPair::from_pem(&key)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, pair)?;
        Ok(Self {
            certificate,
            key,
            issuer,
            leaf_life: LEAF_LIFE,
        })
    }

    /// The same, whose own certificates hold for another time than a year.
    #[must_use]
    pub fn with_leaf_life(mut self, life: Duration) -> Self {
        self.leaf_life = life;
        self
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// The certificate in PEM: what others need to trust it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key in PEM.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Signs a certificate for `subject`, with a new key.
    pub fn issue(&self, subject: &Subject, purpose: Purpose, now: SystemTime) -> Result<Issued> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, subject.name.as_str());
        if let Some(group) = &subject.group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group.as_str());
        }
        for name in &subject.dns_names {
            let name = name
                .as_str()
                .try_into()
                .map_err(|_| Error::Certificate(format!("{name:?} is no DNS name")))?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params
            .subject_alt_names
            .extend(subject.addresses.iter().copied().map(SanType::IpAddress));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Purpose::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        };
        params.not_before = (now - backdate(self.leaf_life)).into();
        params.not_after = (now + self.leaf_life).into();
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued {
            certificate,
            key: key.serialize_pem(),
        })
    }
}
