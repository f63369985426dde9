//! A certificate with its key.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;

use super::Purpose;
use super::exchangeable::certified;

/// What the key begins with, behind the certificates.
const KEY: &str = "-----BEGIN PRIVATE KEY-----";

/// A certificate with those above it, and its private key (PKCS #8), all in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Pair {
    /// Reads a file that [`Pair::store`] has written; `None`: there is none that can be used.
    pub fn load(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let (certificate, key) = text.split_at(text.find(KEY)?);
        let pair = Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        pair.times().is_some().then_some(pair)
    }

    /// Writes both into one file, whole or not at all, so that no key is there with the certificate of another. Only its owner may
    /// read it.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(self.certificate.as_bytes())?;
        file.write_all(self.key.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        match path.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    /// From when until when it holds; `None`: it cannot be read.
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.certificate.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let validity = certificate.validity();
        let time = |seconds| Timestamp::from_second(seconds).ok();
        time(validity.not_before.timestamp()).zip(time(validity.not_after.timestamp()))
    }

    /// Whether TLS can show it, and it is this node's: with its name.
    pub(super) fn is_of(&self, node: &str, purpose: &Purpose) -> bool {
        certified(self).is_ok() && self.names(node, purpose).unwrap_or(false)
    }

    /// Whether it names all that this node is to be found at, where it serves.
    pub(super) fn names_all_of(&self, purpose: &Purpose) -> bool {
        let Purpose::Serving { addresses, .. } = purpose else {
            return true;
        };
        let octets = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let all = |there: &[GeneralName<'_>]| {
            let has = |wanted: Vec<u8>| {
                let mut there = there.iter();
                there.any(|it| matches!(it, GeneralName::IPAddress(octets) if *octets == wanted))
            };
            addresses.now().iter().map(octets).all(has)
        };
        self.alternative_names(all).unwrap_or(false)
    }

    /// `None`: it cannot be read, or has no alternative names at all.
    fn names(&self, node: &str, purpose: &Purpose) -> Option<bool> {
        match purpose {
            Purpose::Client => {
                let (_, pem) =
                    x509_parser::pem::parse_x509_pem(self.certificate.as_bytes()).ok()?;
                let certificate = pem.parse_x509().ok()?;
                let wanted = format!("system:node:{node}");
                let mut users = certificate.subject().iter_common_name();
                let user = users.next().and_then(|user| user.as_str().ok());
                Some(user == Some(&*wanted) && users.next().is_none())
            }
            Purpose::Serving { names, .. } => self.alternative_names(|there| {
                let has = |wanted: &String| {
                    let mut there = there.iter();
                    there.any(|it| matches!(it, GeneralName::DNSName(name) if name == wanted))
                };
                names.iter().all(has)
            }),
        }
    }

    fn alternative_names<T>(&self, look: impl Fn(&[GeneralName<'_>]) -> T) -> Option<T> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.certificate.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let there = certificate.subject_alternative_name().ok()??;
        Some(look(&there.value.general_names))
    }

    /// Whether it holds at a time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.times()
            .is_some_and(|(from, to)| from <= now && now < to)
    }
}

/// So that the key is in no log.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("times", &self.times())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    /// A certificate of a user for these names.
    fn issued(user: &str, names: Vec<SanType>) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        Pair {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    #[test]
    fn a_pair_is_of_the_node_that_it_names() {
        let names = vec![
            SanType::DnsName("n".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::IpAddress([10, 0, 0, 2].into()),
        ];
        let serving = |name: &str, address: [u8; 4]| Purpose::Serving {
            names: vec![name.to_owned()],
            addresses: vec![[10, 0, 0, 1].into(), address.into()].into(),
        };
        let client = issued("system:node:n", Vec::new());
        assert!(client.is_of("n", &Purpose::Client));
        assert!(!client.is_of("m", &Purpose::Client));
        assert!(!client.is_of("n", &serving("n", [10, 0, 0, 1])));
        let server = issued("system:node:n", names);
        assert!(server.is_of("n", &serving("n", [10, 0, 0, 1])));
        assert!(server.is_of("n", &serving("n", [10, 0, 0, 2])));
        let moved = serving("n", [10, 0, 0, 3]);
        assert!(
            server.is_of("n", &moved),
            "it is shown until there is another"
        );
        assert!(!server.names_all_of(&moved));
        assert!(server.names_all_of(&serving("n", [10, 0, 0, 2])));
        assert!(client.names_all_of(&Purpose::Client));
        assert!(!server.is_of("m", &serving("m", [10, 0, 0, 1])));
        let mixed = Pair {
            key: server.key,
            ..client
        };
        assert!(!mixed.is_of("n", &Purpose::Client), "another's key");
    }

    #[test]
    fn what_is_kept_is_found_and_private() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("current.pem");
        assert!(Pair::load(&path).is_none());
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default()
            .self_signed(&key)
            .unwrap();
        let pair = Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        };
        for _ in 0..2 {
            pair.store(&path).unwrap();
            assert_eq!(Pair::load(&path), Some(pair.clone()));
        }
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{pair:?}").contains("PRIVATE"));
        for spoilt in ["", &pair.certificate, &pair.key] {
            std::fs::write(&path, spoilt).unwrap();
            assert!(Pair::load(&path).is_none(), "{spoilt}");
        }
    }
}
