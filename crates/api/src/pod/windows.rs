//! Options of Windows pods. No node of ours runs them, but the API takes them.

use k8s_openapi::api::core::v1::{PodSpec, WindowsSecurityContextOptions};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::flag;
use super::check;
use super::context::containers;

/// The longest credential specification, in KiB.
const MAX_CREDENTIALS_KIB: usize = 64;
/// The domain of a user has fewer bytes than this.
const MAX_DOMAIN: usize = 256;
/// The longest name of a user in its domain.
const MAX_USER: usize = 104;

/// The options of a security context.
pub(super) fn check_options(
    errors: &mut ErrorList,
    path: &Path,
    options: &WindowsSecurityContextOptions,
) {
    if let Some(name) = &options.gmsa_credential_spec_name {
        check::subdomain(errors, &path.child("gmsaCredentialSpecName"), name);
    }
    if let Some(credentials) = &options.gmsa_credential_spec {
        let path = path.child("gmsaCredentialSpec");
        if credentials.is_empty() {
            errors.push(Error::invalid(
                &path,
                credentials,
                "gmsaCredentialSpec cannot be an empty string",
            ));
        } else if credentials.len() > MAX_CREDENTIALS_KIB * 1024 {
            let detail = format!("gmsaCredentialSpec size must be under {MAX_CREDENTIALS_KIB} KiB");
            errors.push(Error::invalid(&path, credentials, detail));
        }
    }
    if let Some(user) = &options.run_as_user_name {
        let path = path.child("runAsUserName");
        errors.extend(
            user_findings(user)
                .into_iter()
                .map(|detail| Error::invalid(&path, user, format!("runAsUserName{detail}"))),
        );
    }
}

/// What is wrong with `USER` or `DOMAIN\USER`; each finding goes on from the field's name.
fn user_findings(whole: &str) -> Vec<String> {
    let (domain, user) = match whole.split('\\').collect::<Vec<_>>().as_slice() {
        _ if whole.is_empty() => return vec![" cannot be an empty string".into()],
        _ if whole.bytes().any(|b| b.is_ascii_control()) => {
            return vec![" cannot contain control characters".into()];
        }
        [user] => (None, *user),
        [domain, user] => (Some(*domain), *user),
        _ => return vec![" cannot contain more than one backslash".into()],
    };
    let mut found = Vec::new();
    if domain.unwrap_or_default().len() >= MAX_DOMAIN {
        found.push(format!(
            "'s Domain length must be under {MAX_DOMAIN} characters"
        ));
    }
    if domain.is_some_and(|domain| !is_net_bios(domain) && !is_dns(domain)) {
        found.push("'s Domain doesn't match the NetBios nor the DNS format".into());
    }
    if user.is_empty() {
        found.push("'s User cannot be empty".into());
    } else if user.len() > MAX_USER {
        found.push(format!(
            "'s User length must not be longer than {MAX_USER} characters"
        ));
    }
    if !user.is_empty() && user.chars().all(|c| matches!(c, '.' | ' ')) {
        found.push("'s User cannot contain only periods or spaces".into());
    }
    if user.contains([
        '"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']',
    ]) {
        found.push(r#"'s User cannot contain the following characters: "/\:;|=,+*?<>@[]"#.into());
    }
    found
}

fn is_net_bios(domain: &str) -> bool {
    let forbidden = ['\\', '/', ':', '*', '?', '"', '<', '>', '|'];
    (1..=15).contains(&domain.chars().count())
        && !domain.starts_with('.')
        && !domain.contains(forbidden)
}

fn is_dns(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        label.len() <= 63
            && ends(label.bytes().next())
            && ends(label.bytes().last())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// If one container is a process of the host then all are, and in its network.
pub(super) fn check_host_process(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let pod = spec
        .security_context
        .as_ref()
        .and_then(|context| context.windows_options.as_ref())
        .and_then(|options| options.host_process);
    let containers = containers(spec, path);
    let mut host_processes = 0;
    for (path, container) in &containers {
        let options = container
            .security_context
            .as_ref()
            .and_then(|context| context.windows_options.as_ref());
        let own = options.and_then(|options| options.host_process);
        if let (Some(pod), Some(own)) = (pod, own)
            && pod != own
        {
            let path = path
                .child("securityContext")
                .child("windowsOptions")
                .child("hostProcess");
            let detail =
                format!("pod hostProcess value must be identical if both are specified, was {pod}");
            errors.push(Error::invalid(&path, own, detail));
        }
        host_processes += usize::from(flag(own.or(pod)));
    }
    if host_processes == 0 {
        return;
    }
    if host_processes != containers.len() {
        let detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(Error::invalid(path, "", detail));
    }
    if !flag(spec.host_network) {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(Error::invalid(&path.child("hostNetwork"), false, detail));
    }
}
