//! The signers that Kubernetes itself has, and what each of them signs.

use std::collections::BTreeSet;

use super::Requested;

/// Of clients of the API server, whoever they are.
pub const API_SERVER_CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Of nodes, as clients of the API server.
pub const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Of nodes, as servers.
pub const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// Of what was asked for before there were signers.
pub const LEGACY_UNKNOWN: &str = "kubernetes.io/legacy-unknown";

/// What the names of nodes begin with.
const NODE_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";

const DIGITAL_SIGNATURE: &str = "digital signature";
const KEY_ENCIPHERMENT: &str = "key encipherment";
const SERVER_AUTH: &str = "server auth";
const CLIENT_AUTH: &str = "client auth";

/// Whether a signer signs this.
///
/// # Errors
/// Why not, in the words of Kubernetes' signers. `None`: the signer is none of Kubernetes' own.
pub fn check(signer: &str, request: &Requested, usages: &[String]) -> Option<Result<(), String>> {
    match signer {
        API_SERVER_CLIENT => Some(client_usages(usages)),
        KUBELET_CLIENT => Some(check_kubelet_client(request, usages)),
        KUBELET_SERVING => Some(check_kubelet_serving(request, usages)),
        LEGACY_UNKNOWN => Some(Ok(())),
        _ => None,
    }
}

/// Whether this is what a node is known to the API server by.
///
/// # Errors
/// Why it is not.
pub fn check_kubelet_client(request: &Requested, usages: &[String]) -> Result<(), String> {
    check_organization(request)?;
    for (names, words) in [
        (request.dns_names.len(), "DNS"),
        (request.emails.len(), "Email"),
        (request.addresses.len(), "IP"),
        (request.uris.len(), "URI"),
    ] {
        none(names, words)?;
    }
    check_name(request)?;
    check_usages(usages, CLIENT_AUTH)
}

/// Whether this is what a node is known by to those who call it.
///
/// # Errors
/// Why it is not.
pub fn check_kubelet_serving(request: &Requested, usages: &[String]) -> Result<(), String> {
    check_organization(request)?;
    if request.dns_names.is_empty() && request.addresses.is_empty() {
        return Err("DNS or IP subjectAltName is required".to_owned());
    }
    none(request.emails.len(), "Email")?;
    none(request.uris.len(), "URI")?;
    check_usages(usages, SERVER_AUTH)?;
    check_name(request)
}

fn check_organization(request: &Requested) -> Result<(), String> {
    if request.organizations() == [NODES] {
        return Ok(());
    }
    Err(format!("subject organization is not {NODES}"))
}

fn check_name(request: &Requested) -> Result<(), String> {
    if request.common_name().starts_with(NODE_PREFIX) {
        return Ok(());
    }
    Err(format!(
        "subject common name does not begin with {NODE_PREFIX}"
    ))
}

fn none(names: usize, kind: &str) -> Result<(), String> {
    if names == 0 {
        return Ok(());
    }
    Err(format!("{kind} subjectAltNames are not allowed"))
}

/// Exactly these usages, with or without the one that only RSA keys need.
fn check_usages(usages: &[String], purpose: &str) -> Result<(), String> {
    let given: BTreeSet<&str> = usages.iter().map(String::as_str).collect();
    let all = BTreeSet::from([DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, purpose]);
    let without = BTreeSet::from([DIGITAL_SIGNATURE, purpose]);
    if given == all || given == without {
        return Ok(());
    }
    let all: Vec<&str> = all.into_iter().collect();
    Err(format!("usages did not match [{}]", all.join(" ")))
}

fn client_usages(usages: &[String]) -> Result<(), String> {
    let optional = [DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, CLIENT_AUTH];
    let mut others = usages
        .iter()
        .filter(|usage| !optional.contains(&usage.as_str()));
    if let Some(other) = others.next() {
        return Err(format!("invalid usage for client certificate: {other}"));
    }
    if !usages.iter().any(|usage| usage == CLIENT_AUTH) {
        return Err(format!(
            "missing required usage for client certificate: {CLIENT_AUTH}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
