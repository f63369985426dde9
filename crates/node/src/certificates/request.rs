//! What a node asks for.

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use navarch_api::certificates::signers;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

use crate::addresses::Addresses;

/// What a certificate of a node is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// By it the API server knows the node.
    Client,
    /// By it the node is known to those who call it here.
    Serving {
        /// The node's names.
        names: Vec<String>,
        /// Its addresses; where they become others, so is the certificate.
        addresses: Addresses,
    },
}

impl Purpose {
    /// Waits until another certificate may be needed for it.
    pub(super) async fn changed(&mut self) {
        match self {
            Self::Client => std::future::pending().await,
            Self::Serving { addresses, .. } => addresses.changed().await,
        }
    }
}

/// A request for the certificate of a node. The key is of an elliptic curve, so it enciphers no keys.
pub(super) fn request(
    node: &str,
    purpose: &Purpose,
    key: &KeyPair,
) -> Result<CertificateSigningRequest, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let subject = &mut params.distinguished_name;
    subject.push(DnType::OrganizationName, "system:nodes");
    subject.push(DnType::CommonName, format!("system:node:{node}"));
    let (signer, usage) = match purpose {
        Purpose::Client => (signers::KUBELET_CLIENT, "client auth"),
        Purpose::Serving { names, addresses } => {
            for name in names {
                let name = SanType::DnsName(name.as_str().try_into()?);
                params.subject_alt_names.push(name);
            }
            let addresses = addresses.now().into_iter().map(SanType::IpAddress);
            params.subject_alt_names.extend(addresses);
            (signers::KUBELET_SERVING, "server auth")
        }
    };
    let mut request = CertificateSigningRequest::default();
    request.metadata.generate_name = Some("csr-".to_owned());
    request.spec.signer_name = signer.to_owned();
    request.spec.request = ByteString(params.serialize_request(key)?.pem()?.into_bytes());
    request.spec.usages = Some(vec!["digital signature".to_owned(), usage.to_owned()]);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use navarch_api::certificates::Requested;

    use super::*;

    #[test]
    fn the_signers_take_what_nodes_ask_for() {
        let serving = Purpose::Serving {
            names: vec!["n".to_owned()],
            addresses: vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()].into(),
        };
        for purpose in [Purpose::Client, serving] {
            let key = KeyPair::generate().unwrap();
            let spec = request("n", &purpose, &key).unwrap().spec;
            let requested = Requested::read(&spec.request.0).unwrap();
            let usages = spec.usages.unwrap();
            let checked = signers::check(&spec.signer_name, &requested, &usages);
            assert_eq!(checked, Some(Ok(())), "{purpose:?}");
            assert_eq!(requested.common_name(), "system:node:n");
            let alternatives = requested.dns_names.len() + requested.addresses.len();
            let wanted = if matches!(purpose, Purpose::Client) {
                0
            } else {
                3
            };
            assert_eq!(alternatives, wanted);
        }
    }
}
