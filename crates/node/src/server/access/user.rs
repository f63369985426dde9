//! Who asks the node.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

/// The group of everybody who has proved who they are.
const AUTHENTICATED: &str = "system:authenticated";

/// Somebody, as a review names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// How much is to be remembered of them.
    pub(super) fn bytes(&self) -> usize {
        let extra = self.extra.iter();
        let extra = extra.flat_map(|(key, values)| std::iter::once(key).chain(values));
        let all = [&self.name, &self.uid].into_iter();
        all.chain(&self.groups).chain(extra).map(String::len).sum()
    }
}

/// A certificate whose signature TLS has checked, and whom it names.
pub(in crate::server) struct Proof {
    user: Arc<User>,
    /// The last second in which it holds, since the epoch: a connection may outlive it.
    ends: i64,
}

impl Proof {
    /// The common name is the user, the organizations are the groups. `None`: it names nobody.
    pub(in crate::server) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let subject = parsed.subject();
        let mut names = subject.iter_common_name();
        // Which of two is meant nobody can say.
        let name = names.next().filter(|_| names.next().is_none())?;
        let organizations = subject.iter_organization();
        let groups: Result<Vec<_>, _> = organizations
            .map(|it| it.as_str().map(str::to_owned))
            .collect();
        let mut groups = groups.ok()?;
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        let name = name.as_str().ok().filter(|name| !name.is_empty())?;
        let user = User {
            name: name.to_owned(),
            groups,
            ..User::default()
        };
        Some(Self {
            user: Arc::new(user),
            ends: parsed.validity().not_after.timestamp(),
        })
    }

    /// Whom it proves at a time.
    pub(super) fn user(&self, now: i64) -> Option<Arc<User>> {
        (now <= self.ends).then(|| self.user.clone())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn proof(names: &[&str], groups: &[&str]) -> Option<Proof> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        for group in groups {
            let kind = DnType::OrganizationName;
            params.distinguished_name.push(kind, *group);
        }
        let key = KeyPair::generate().unwrap();
        Proof::of(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn a_certificate_names_a_user_and_their_group() {
        let proof = proof(&["alice"], &["dev"]).unwrap();
        let user = proof.user(0).unwrap();
        assert_eq!(user.name, "alice");
        assert_eq!(user.groups, ["dev", AUTHENTICATED]);
        assert!(proof.user(proof.ends).is_some());
        assert!(proof.user(proof.ends + 1).is_none());
    }

    #[test]
    fn one_that_names_nobody_proves_nothing() {
        assert!(proof(&[], &["system:masters"]).is_none());
        assert!(proof(&[""], &["system:masters"]).is_none());
        assert!(Proof::of(&CertificateDer::from(vec![1, 2, 3])).is_none());
    }
}
