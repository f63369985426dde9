//! How names are resolved in a pod.

use k8s_openapi::api::core::v1::{HostAlias, PodSpec};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_subdomain_with_underscore;

use super::absent::{items, text};
use super::check::{self, Json};

/// The most servers that C libraries ask.
const MAX_NAMESERVERS: usize = 3;
/// The most search domains.
const MAX_SEARCHES: usize = 32;
/// The most characters of all search domains with the spaces between them.
const MAX_SEARCH_CHARACTERS: usize = 2048;

/// The resolver's configuration.
pub(super) fn check(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let by_hand = text(&spec.dns_policy) == "None";
    let Some(config) = &spec.dns_config else {
        if by_hand {
            errors.push(Error::required(
                path,
                "must provide `dnsConfig` when `dnsPolicy` is None",
            ));
        }
        return;
    };
    let nameservers = path.child("nameservers");
    let servers = items(&config.nameservers);
    if by_hand && servers.is_empty() {
        errors.push(Error::required(
            &nameservers,
            "must provide at least one DNS nameserver when `dnsPolicy` is None",
        ));
        return;
    }
    if servers.len() > MAX_NAMESERVERS {
        let detail = format!("must not have more than {MAX_NAMESERVERS} nameservers");
        errors.push(Error::invalid(&nameservers, Json::of(&servers), detail));
    }
    for (index, server) in servers.iter().enumerate() {
        check::ip(errors, &nameservers.index(index), server);
    }
    check_searches(errors, &path.child("searches"), items(&config.searches));
    for (index, option) in items(&config.options).iter().enumerate() {
        if text(&option.name).is_empty() {
            errors.push(Error::required(
                &path.child("options").index(index),
                "must not be empty",
            ));
        }
    }
}

fn check_searches(errors: &mut ErrorList, path: &Path, searches: &[String]) {
    if searches.len() > MAX_SEARCHES {
        let detail = format!("must not have more than {MAX_SEARCHES} search paths");
        errors.push(Error::invalid(path, Json::of(&searches), detail));
    }
    if searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        let detail = format!(
            "must not have more than {MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        );
        errors.push(Error::invalid(path, Json::of(&searches), detail));
    }
    for (index, search) in searches
        .iter()
        .enumerate()
        .filter(|(_, search)| *search != ".")
    {
        let search = search.strip_suffix('.').unwrap_or(search);
        check::each(
            errors,
            &path.index(index),
            search,
            is_dns1123_subdomain_with_underscore(search),
        );
    }
}

/// Lines of the pod's hosts file.
pub(super) fn check_host_aliases(errors: &mut ErrorList, path: &Path, aliases: &[HostAlias]) {
    for (index, alias) in aliases.iter().enumerate() {
        let path = path.index(index);
        check::ip(errors, &path.child("ip"), &alias.ip);
        for (index, hostname) in items(&alias.hostnames).iter().enumerate() {
            check::subdomain(errors, &path.child("hostnames").index(index), hostname);
        }
    }
}
