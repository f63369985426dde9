//! Requests for tests.

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::certificates::signers;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

/// A request that is made of what it says.
#[derive(Debug)]
pub(super) struct Csr {
    request: CertificateSigningRequest,
    names: Vec<SanType>,
}

/// What the node `n` is known by as a client, asked for by nobody.
pub(super) fn csr() -> Csr {
    let mut request = CertificateSigningRequest::default();
    request.metadata.name = Some("q".to_owned());
    request.metadata.uid = Some("u".to_owned());
    request.metadata.creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    request.spec.signer_name = signers::KUBELET_CLIENT.to_owned();
    let usages = ["client auth", "digital signature"];
    request.spec.usages = Some(usages.map(str::to_owned).to_vec());
    Csr {
        request,
        names: Vec::new(),
    }
}

/// What the node `n` at 10.0.0.1 serves with, asked for by itself.
pub(super) fn serving() -> Csr {
    csr()
        .signer(signers::KUBELET_SERVING)
        .usages(&["digital signature", "server auth"])
        .by("system:node:n")
        .groups(&["system:nodes", "system:authenticated"])
        .named("n")
        .at("10.0.0.1")
}

impl Csr {
    pub(super) fn with(mut self, condition: &str) -> Self {
        let mut with = super::with_condition(&self.request, condition, "", "");
        let conditions = with.status.iter_mut().flat_map(|it| &mut it.conditions);
        for condition in conditions.flatten() {
            condition.last_update_time = Some(Time(Timestamp::UNIX_EPOCH));
        }
        self.request = with;
        self
    }

    pub(super) fn issued(mut self, certificate: &str) -> Self {
        let status = self.request.status.get_or_insert_default();
        status.certificate = Some(ByteString(certificate.into()));
        self
    }

    pub(super) fn signer(mut self, name: &str) -> Self {
        self.request.spec.signer_name = name.to_owned();
        self
    }

    pub(super) fn usages(mut self, usages: &[&str]) -> Self {
        self.request.spec.usages = Some(usages.iter().map(|&it| it.to_owned()).collect());
        self
    }

    pub(super) fn by(mut self, user: &str) -> Self {
        self.request.spec.username = Some(user.to_owned());
        self
    }

    pub(super) fn groups(mut self, groups: &[&str]) -> Self {
        self.request.spec.groups = Some(groups.iter().map(|&it| it.to_owned()).collect());
        self
    }

    pub(super) fn named(mut self, name: &str) -> Self {
        self.names.push(SanType::DnsName(name.try_into().unwrap()));
        self
    }

    pub(super) fn at(mut self, address: &str) -> Self {
        self.names
            .push(SanType::IpAddress(address.parse().unwrap()));
        self
    }

    pub(super) fn made(self) -> CertificateSigningRequest {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "system:nodes");
        name.push(DnType::CommonName, "system:node:n");
        params.subject_alt_names = self.names;
        let key = KeyPair::generate().unwrap();
        let pem = params.serialize_request(&key).unwrap().pem().unwrap();
        let mut request = self.request;
        request.spec.request = ByteString(pem.into_bytes());
        request
    }
}

/// A certificate that ends so many seconds after 1970 began.
pub(super) fn certificate(end: u64) -> String {
    let mut params = CertificateParams::default();
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    params.not_before = epoch.into();
    params.not_after = (epoch + std::time::Duration::from_secs(end)).into();
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}
