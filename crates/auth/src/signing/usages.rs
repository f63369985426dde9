//! What a key may be used for, in Kubernetes' words and in those of certificates.

use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};

use crate::{Error, Result};

const KEY_USAGES: &[(&str, KeyUsagePurpose)] = &[
    ("signing", KeyUsagePurpose::DigitalSignature),
    ("digital signature", KeyUsagePurpose::DigitalSignature),
    ("content commitment", KeyUsagePurpose::ContentCommitment),
    ("key encipherment", KeyUsagePurpose::KeyEncipherment),
    ("key agreement", KeyUsagePurpose::KeyAgreement),
    ("data encipherment", KeyUsagePurpose::DataEncipherment),
    ("cert sign", KeyUsagePurpose::KeyCertSign),
    ("crl sign", KeyUsagePurpose::CrlSign),
    ("encipher only", KeyUsagePurpose::EncipherOnly),
    ("decipher only", KeyUsagePurpose::DecipherOnly),
];
/// In the order in which they are written, with their object identifiers.
const EXTENDED_USAGES: &[(&str, &[u64])] = &[
    ("any", &[2, 5, 29, 37, 0]),
    ("server auth", &[1, 3, 6, 1, 5, 5, 7, 3, 1]),
    ("client auth", &[1, 3, 6, 1, 5, 5, 7, 3, 2]),
    ("code signing", &[1, 3, 6, 1, 5, 5, 7, 3, 3]),
    ("email protection", &[1, 3, 6, 1, 5, 5, 7, 3, 4]),
    ("s/mime", &[1, 3, 6, 1, 5, 5, 7, 3, 4]),
    ("ipsec end system", &[1, 3, 6, 1, 5, 5, 7, 3, 5]),
    ("ipsec tunnel", &[1, 3, 6, 1, 5, 5, 7, 3, 6]),
    ("ipsec user", &[1, 3, 6, 1, 5, 5, 7, 3, 7]),
    ("timestamping", &[1, 3, 6, 1, 5, 5, 7, 3, 8]),
    ("ocsp signing", &[1, 3, 6, 1, 5, 5, 7, 3, 9]),
    ("microsoft sgc", &[1, 3, 6, 1, 4, 1, 311, 10, 3, 3]),
    ("netscape sgc", &[2, 16, 840, 1, 113_730, 4, 1]),
];

/// The usages of both kinds. An error tells one that is none.
pub(super) fn read(
    usages: &[String],
) -> Result<(Vec<KeyUsagePurpose>, Vec<ExtendedKeyUsagePurpose>)> {
    let is_known = |usage: &&String| {
        let simple = KEY_USAGES.iter().any(|(name, _)| name == *usage);
        simple || EXTENDED_USAGES.iter().any(|(name, _)| name == *usage)
    };
    if let Some(unknown) = usages.iter().find(|usage| !is_known(usage)) {
        let words = format!("unrecognized usage values: [{unknown:?}]");
        return Err(Error::Certificate(words));
    }
    let has = |name: &str| usages.iter().any(|usage| usage == name);
    let simple = KEY_USAGES.iter().filter(|(name, _)| has(name));
    let mut extended = Vec::new();
    for (_, oid) in EXTENDED_USAGES.iter().filter(|(name, _)| has(name)) {
        let usage = ExtendedKeyUsagePurpose::Other(oid.to_vec());
        if !extended.contains(&usage) {
            extended.push(usage);
        }
    }
    Ok((simple.map(|(_, usage)| *usage).collect(), extended))
}
