//! Networks that the addresses of services come from.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_valid_cidr, parse_cidr_sloppy};
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{default_conditions, keep_for_status};
use crate::naming;
use crate::shown::json;
use crate::strategy::{self, Hooks, Part};

/// The one that is made when a cluster starts.
pub const DEFAULT: &str = "kubernetes";
/// The condition that says whether addresses may be taken.
pub const READY: &str = "Ready";
const MAX_CIDRS: usize = 2;

/// Its networks as they are written.
pub fn cidrs(object: &ServiceCIDR) -> &[String] {
    let spec = object.spec.as_ref();
    spec.and_then(|spec| spec.cidrs.as_deref())
        .unwrap_or_default()
}

/// Whether new addresses may be taken from it: nobody says otherwise, and it is not on its way out.
pub fn is_ready(object: &ServiceCIDR) -> bool {
    let status = object.status.as_ref();
    let mut conditions = status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let says_no = conditions
        .find(|condition| condition.type_ == READY)
        .is_some_and(|condition| condition.status != "True");
    !says_no && object.metadata.deletion_timestamp.is_none()
}

impl Hooks for ServiceCIDR {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "CIDRs",
            "string",
            "",
            0,
            "CIDRs defines the IP blocks in CIDR notation (e.g. \"192.168.0.0/24\" or \"2001:db8::/64\") from which to assign service \
            cluster IPs. Max of two CIDRs is allowed, one of each IP family. This field is immutable.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.get_or_insert_default().cidrs);
        default_conditions(&mut self.status.get_or_insert_default().conditions);
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(Default::default());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            keep_for_status(&mut self.metadata, &old.metadata);
        } else {
            self.status.clone_from(&old.status);
        }
    }

    fn scope(part: Part) -> Scope {
        strategy::status_alone(part)
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        validate_cidrs(self, &path())
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return ErrorList::new();
        }
        validate_change(self, old, &path())
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            cidrs(self).join(",").into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn path() -> Path {
    Path::new("spec").child("cidrs")
}

fn validate_cidrs(object: &ServiceCIDR, path: &Path) -> ErrorList {
    let cidrs = cidrs(object);
    if cidrs.is_empty() {
        return vec![Error::required(path, "at least one CIDR required")];
    }
    if cidrs.len() > MAX_CIDRS {
        // The whole spec is what Kubernetes shows, as it keeps it in memory.
        let shown = json(&serde_json::json!({ "CIDRs": cidrs }));
        return vec![Error::invalid(path, shown, "may only hold up to 2 values")];
    }
    let found = cidrs.iter().enumerate();
    let mut errors: ErrorList = found
        .flat_map(|(at, cidr)| is_valid_cidr(&path.index(at), cidr))
        .collect();
    if let [first, second] = cidrs
        && family(first).is_some()
        && family(first) == family(second)
    {
        let detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        errors.push(Error::invalid(path, json(cidrs), detail));
    }
    errors
}

/// Whether a network is of IPv4; `None`: it is none.
fn family(cidr: &str) -> Option<bool> {
    parse_cidr_sloppy(cidr).map(|(ip, _)| ip.to_canonical().is_ipv4())
}

/// Networks stay; one of the other family may be added.
fn validate_change(object: &ServiceCIDR, old: &ServiceCIDR, path: &Path) -> ErrorList {
    const IMMUTABLE: &str = "field is immutable";
    let (new, before) = (cidrs(object), cidrs(old));
    let changed = |at: usize| Error::invalid(&path.index(at), new[at].as_str(), IMMUTABLE);
    let kept = new.iter().zip(before).enumerate();
    let mut errors: ErrorList = kept
        .filter(|(_, (new, before))| new != before)
        .map(|(at, _)| changed(at))
        .collect();
    match (before.len(), new.len()) {
        (before, new) if before == new => {}
        (1, 2) => errors.extend(validate_cidrs(object, path)),
        _ => {
            let given = object.spec.as_ref().and_then(|spec| spec.cidrs.as_ref());
            errors = vec![Error::invalid(path, json(&given), IMMUTABLE)];
        }
    }
    errors
}
