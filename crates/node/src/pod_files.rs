//! `/etc/hosts`, `/etc/resolv.conf` and the host name of a pod.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_runtime::cri::{DnsConfig, Mount};

use crate::blocking::blocking;
use crate::options::NodeOptions;
use crate::spec;

/// The kubelet's limits.
const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
/// The longest host name Linux takes, without the closing zero.
const MAX_HOSTNAME: usize = 63;

/// The pod's host name: as the spec says, or the pod's name; cut at 63. The node's with the node's network.
pub(crate) fn hostname(pod: &Pod, options: &NodeOptions) -> String {
    let spec = spec::spec(pod);
    if let Some(name) = spec.hostname_override.as_deref().filter(|n| !n.is_empty()) {
        return name.to_owned();
    }
    if spec::host_network(pod) {
        return options.hostname.clone();
    }
    let name = spec
        .hostname
        .as_deref()
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| spec::name(pod));
    let short: String = name.chars().take(MAX_HOSTNAME).collect();
    let short = short.trim_end_matches(['-', '.']).to_owned();
    match domain(pod, options) {
        Some(domain) if spec.set_hostname_as_fqdn == Some(true) => format!("{short}.{domain}"),
        _ => short,
    }
}

/// `SUBDOMAIN.NAMESPACE.svc.CLUSTER` where the pod has a subdomain.
fn domain(pod: &Pod, options: &NodeOptions) -> Option<String> {
    let subdomain = spec::spec(pod)
        .subdomain
        .as_deref()
        .filter(|s| !s.is_empty())?;
    Some(format!(
        "{subdomain}.{}.svc.{}",
        spec::namespace(pod),
        options.cluster_domain
    ))
}

/// What the pod's `/etc/hosts` says. `node_hosts`: the node's own file.
fn hosts(pod: &Pod, ips: &[IpAddr], options: &NodeOptions, node_hosts: &str) -> String {
    let mut text = if spec::host_network(pod) {
        format!("# Kubernetes-managed hosts file (host network).\n{node_hosts}")
    } else {
        let mut text = String::from(
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
             fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n",
        );
        let host = hostname(pod, options);
        let short = host.split('.').next().unwrap_or(&host);
        for ip in ips {
            match domain(pod, options) {
                Some(domain) => text.push_str(&format!("{ip}\t{short}.{domain}\t{short}\n")),
                None => text.push_str(&format!("{ip}\t{host}\n")),
            }
        }
        text
    };
    let aliases = spec::spec(pod).host_aliases.as_deref().unwrap_or_default();
    if !aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            text.push_str(&format!(
                "{}\t{}\n",
                alias.ip,
                alias.hostnames.as_deref().unwrap_or_default().join("\t")
            ));
        }
    }
    text
}

/// Name resolution of a pod by its `dnsPolicy` and `dnsConfig`. `node`: what the node's `resolv.conf` says.
pub(crate) fn dns(pod: &Pod, options: &NodeOptions, node: &DnsConfig) -> DnsConfig {
    let spec = spec::spec(pod);
    let policy = spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let of_cluster = match policy {
        "ClusterFirst" => !spec::host_network(pod),
        "ClusterFirstWithHostNet" => true,
        _ => false,
    };
    let mut dns = match policy {
        "None" => DnsConfig::default(),
        _ if of_cluster && !options.cluster_dns.is_empty() => cluster(pod, options, node),
        _ => node.clone(),
    };
    if let Some(config) = &spec.dns_config {
        dns.servers
            .extend(config.nameservers.iter().flatten().cloned());
        dns.searches
            .extend(config.searches.iter().flatten().cloned());
        for option in config.options.iter().flatten() {
            let name = option.name.clone().unwrap_or_default();
            let same = |told: &String| told.split(':').next() == Some(name.as_str());
            dns.options.retain(|told| !same(told));
            dns.options.push(
                option
                    .value
                    .as_ref()
                    .map_or_else(|| name.clone(), |value| format!("{name}:{value}")),
            );
        }
    }
    unique(&mut dns.servers, MAX_SERVERS);
    unique(&mut dns.searches, MAX_SEARCHES);
    dns
}

fn cluster(pod: &Pod, options: &NodeOptions, node: &DnsConfig) -> DnsConfig {
    let domain = &options.cluster_domain;
    let mut searches = vec![
        format!("{}.svc.{domain}", spec::namespace(pod)),
        format!("svc.{domain}"),
        domain.clone(),
    ];
    searches.extend(node.searches.iter().cloned());
    DnsConfig {
        servers: options
            .cluster_dns
            .iter()
            .map(ToString::to_string)
            .collect(),
        searches,
        options: vec!["ndots:5".into()],
    }
}

fn unique(list: &mut Vec<String>, most: usize) {
    let mut seen = std::collections::HashSet::new();
    list.retain(|item| seen.insert(item.clone()));
    list.truncate(most);
}

/// Reads a `resolv.conf`.
fn parse_resolv_conf(text: &str) -> DnsConfig {
    let mut dns = DnsConfig::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let rest =
            |words: std::str::SplitWhitespace<'_>| words.map(str::to_owned).collect::<Vec<_>>();
        match words.next() {
            Some("nameserver") => dns.servers.extend(words.next().map(str::to_owned)),
            Some("search") => dns.searches = rest(words),
            Some("options") => dns.options = rest(words),
            _ => {}
        }
    }
    dns
}

fn resolv_conf(dns: &DnsConfig) -> String {
    let mut text = String::new();
    if !dns.searches.is_empty() {
        text.push_str(&format!("search {}\n", dns.searches.join(" ")));
    }
    for server in &dns.servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !dns.options.is_empty() {
        text.push_str(&format!("options {}\n", dns.options.join(" ")));
    }
    text
}

/// Writes the pod's files. In place, because a file that is mounted cannot be replaced.
pub(crate) async fn write(pod: &Pod, ips: &[IpAddr], options: &NodeOptions) -> std::io::Result<()> {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let (pod, ips, options) = (pod.clone(), ips.to_vec(), options.clone());
    let write_all = move || {
        let node_hosts = read(Path::new("/etc/hosts"));
        let node_dns = parse_resolv_conf(&read(&options.resolv_conf));
        let directory = options.pod_dir(spec::uid(&pod));
        crate::files::make_private(&directory)?;
        let files = [
            ("etc-hosts", hosts(&pod, &ips, &options, &node_hosts)),
            ("resolv.conf", resolv_conf(&dns(&pod, &options, &node_dns))),
            ("hostname", format!("{}\n", hostname(&pod, &options))),
        ];
        files
            .into_iter()
            .try_for_each(|(name, text)| std::fs::write(directory.join(name), text))
    };
    blocking(write_all).await?
}

/// The mounts of the pod's files, but where the container mounts something of its own.
pub(crate) fn mounts(pod: &Pod, container: &Container, options: &NodeOptions) -> Vec<Mount> {
    let directory = options.pod_dir(spec::uid(pod));
    let own = container.volume_mounts.as_deref().unwrap_or_default();
    let files = [
        ("etc-hosts", "/etc/hosts"),
        ("resolv.conf", "/etc/resolv.conf"),
        ("hostname", "/etc/hostname"),
    ];
    files
        .into_iter()
        .filter(|(_, path)| {
            own.iter()
                .all(|m| Path::new(&m.mount_path) != Path::new(path))
        })
        .map(|(file, path)| Mount {
            host_path: directory.join(file),
            container_path: PathBuf::from(path),
            ..Mount::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn options() -> NodeOptions {
        let mut options = NodeOptions::new("n1", "10.0.0.1".parse().unwrap(), "/data".into());
        options.cluster_dns = vec!["10.96.0.10".parse().unwrap()];
        options
    }

    #[allow(clippy::needless_pass_by_value, reason = "cases read better")]
    fn pod(spec: serde_json::Value) -> Pod {
        let metadata = serde_json::json!({"name": "web-0", "namespace": "shop", "uid": "u"});
        serde_json::from_value(serde_json::json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    #[test]
    fn a_pod_with_a_subdomain_finds_itself() {
        let aliases = serde_json::json!([{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]);
        let pod = pod(
            serde_json::json!({"containers": [], "hostname": "web", "subdomain": "db", "hostAliases": aliases}),
        );
        let ips = ["10.244.0.5".parse().unwrap()];
        expect![[r#"
            # Kubernetes-managed hosts file.
            127.0.0.1	localhost
            ::1	localhost ip6-localhost ip6-loopback
            fe00::0	ip6-localnet
            fe00::0	ip6-mcastprefix
            fe00::1	ip6-allnodes
            fe00::2	ip6-allrouters
            10.244.0.5	web.db.shop.svc.cluster.local	web

            # Entries added by HostAliases.
            1.2.3.4	a	b
        "#]]
        .assert_eq(&hosts(&pod, &ips, &options(), ""));
    }

    #[test]
    fn name_resolution_by_policy() {
        let node =
            parse_resolv_conf("nameserver 8.8.8.8\nsearch corp.example\noptions timeout:1\n");
        let text = |spec| resolv_conf(&dns(&pod(spec), &options(), &node));
        expect![[r#"
            search shop.svc.cluster.local svc.cluster.local cluster.local corp.example
            nameserver 10.96.0.10
            options ndots:5
        "#]]
        .assert_eq(&text(serde_json::json!({"containers": []})));
        expect![[r#"
            search corp.example
            nameserver 8.8.8.8
            options timeout:1
        "#]]
        .assert_eq(&text(
            serde_json::json!({"containers": [], "dnsPolicy": "Default"}),
        ));
        let config = serde_json::json!({"nameservers": ["9.9.9.9"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
        expect![[r#"
            nameserver 9.9.9.9
            options ndots:2 edns0
        "#]]
        .assert_eq(&text(
            serde_json::json!({"containers": [], "dnsPolicy": "None", "dnsConfig": config}),
        ));
    }
}
