//! Names of signers: `example.com/name`.

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::limits::{MAX_LABEL_NAME, MAX_SUBDOMAIN_NAME};
use navarch_machinery::names::{is_dns1123_label, is_dns1123_subdomain};

/// A domain, a slash, and as much as a name with a namespace before it.
const MAX: usize = MAX_SUBDOMAIN_NAME + 1 + MAX_SUBDOMAIN_NAME + MAX_LABEL_NAME + 1;

/// Checks a signer's name.
pub(super) fn validate_signer_name(name: &str, path: &Path) -> ErrorList {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let (domain, rest) = match name.split('/').collect::<Vec<_>>()[..] {
        [domain, rest] => (domain, rest),
        _ => {
            let detail =
                "must be a fully qualified domain and path of the form 'example.com/signer-name'";
            return vec![Error::invalid(path, name, detail)];
        }
    };
    let mut errors = ErrorList::new();
    if domain.len() > MAX_SUBDOMAIN_NAME {
        errors.push(Error::too_long(path, MAX_SUBDOMAIN_NAME));
    }
    errors.extend(first_bad_label(domain, is_dns1123_label, path));
    if !domain.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(path, domain, detail));
    }
    errors.extend(first_bad_label(rest, is_dns1123_subdomain, path));
    if name.len() > MAX {
        errors.push(Error::too_long(path, MAX));
    }
    errors
}

/// What is wrong with the first label that is not as it must be.
fn first_bad_label(text: &str, rule: fn(&str) -> Vec<String>, path: &Path) -> ErrorList {
    let bad = text.split('.').find(|label| !rule(label).is_empty());
    let findings = bad.into_iter().flat_map(|label| {
        let words = rule(label).into_iter();
        words.map(move |words| format!("validating label {label:?}: {words}"))
    });
    findings
        .map(|detail| Error::invalid(path, text, detail))
        .collect()
}
