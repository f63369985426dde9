//! What a pod can learn of itself: `fieldRef` and `resourceFieldRef`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};

use crate::quantity::{ResourceList, milli, milli_of, units, units_of};
use crate::spec;

/// The pod, and what its object may not say yet.
#[derive(Clone)]
pub(crate) struct Downward<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) node_name: &'a str,
    pub(crate) host_ips: Vec<String>,
    pub(crate) pod_ips: Vec<String>,
    /// What a container without a limit may use: the node's.
    pub(crate) allocatable: &'a ResourceList,
}

impl Downward<'_> {
    /// A field of the pod, as `metadata.labels['app']`.
    pub(crate) fn field(&self, path: &str) -> Result<String, String> {
        let metadata = &self.pod.metadata;
        let first = |list: &[String]| list.first().cloned().unwrap_or_default();
        if let Some((map, key)) = subscript(path) {
            let values = match map {
                "metadata.labels" => metadata.labels.as_ref(),
                "metadata.annotations" => metadata.annotations.as_ref(),
                _ => return Err(format!("fieldPath {path:?} does not support subscript")),
            };
            return Ok(values.and_then(|v| v.get(key)).cloned().unwrap_or_default());
        }
        Ok(match path {
            "metadata.name" => spec::name(self.pod).to_owned(),
            "metadata.namespace" => spec::namespace(self.pod).to_owned(),
            "metadata.uid" => spec::uid(self.pod).to_owned(),
            "metadata.labels" => lines(metadata.labels.as_ref()),
            "metadata.annotations" => lines(metadata.annotations.as_ref()),
            "spec.nodeName" => self.node_name.to_owned(),
            "spec.serviceAccountName" => spec::spec(self.pod)
                .service_account_name
                .clone()
                .unwrap_or_default(),
            "status.hostIP" => first(&self.host_ips),
            "status.hostIPs" => self.host_ips.join(","),
            "status.podIP" => first(&self.pod_ips),
            "status.podIPs" => self.pod_ips.join(","),
            _ => return Err(format!("unsupported fieldPath: {path}")),
        })
    }

    /// A resource of the named container, or of `own`, divided by the divisor and rounded up.
    pub(crate) fn resource(
        &self,
        selector: &ResourceFieldSelector,
        own: Option<&Container>,
    ) -> Result<String, String> {
        let container = match selector.container_name.as_deref().filter(|n| !n.is_empty()) {
            Some(name) => spec::container(self.pod, name)
                .ok_or_else(|| format!("container {name} not found"))?,
            None => own
                .map(Cow::Borrowed)
                .ok_or_else(|| "containerName must be specified".to_owned())?,
        };
        let (kind, name) = selector
            .resource
            .split_once('.')
            .unwrap_or(("", &selector.resource));
        let resources = container.resources.as_ref();
        let limits = resources.and_then(|r| r.limits.as_ref());
        let requests = resources.and_then(|r| r.requests.as_ref());
        let list = match kind {
            "limits" if limits.is_some_and(|l| l.contains_key(name)) => limits,
            "limits" => Some(self.allocatable),
            "requests" => requests,
            _ => {
                return Err(format!(
                    "unsupported container resource: {}",
                    selector.resource
                ));
            }
        };
        let divisor = selector
            .divisor
            .as_ref()
            .filter(|d| !matches!(d.0.as_str(), "" | "0"));
        let (value, divisor) = if name == "cpu" {
            (
                milli_of(list, name),
                divisor.and_then(milli).unwrap_or(1000),
            )
        } else {
            (units_of(list, name), divisor.and_then(units).unwrap_or(1))
        };
        if divisor <= 0 {
            return Err("the divisor of a resourceFieldRef must be positive".to_owned());
        }
        Ok((value / divisor + i64::from(value % divisor != 0)).to_string())
    }
}

/// `metadata.labels['app']` into its map and key.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

/// A map as the downward API writes it: `key="value"`, a line each, by key, the value escaped.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    lines.join("\n")
}
