//! Cluster addresses: each one a service holds is an IPAddress object.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceSpec;
use k8s_openapi::api::networking::v1::IPAddress;
use navarch_api::core::service::allocate;
use navarch_api::networking::ip_address::{is_held_by, of_service};
use navarch_machinery::field::Path;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;
use navarch_store::{Compare, Op, Snapshot};
use serde_json::json;

use super::range::Range;
use super::{Refused, Services};
use crate::encode::{encode, restamp};
use crate::managed::Managed;
use crate::registry::Extra;
use crate::served::{Directory, Served};

/// The service that addresses are for, by namespace and name.
pub(super) type Owner<'a> = (&'a str, &'a str);

fn served(directory: &Directory) -> Result<&Served> {
    let served = directory.of::<IPAddress>();
    served
        .map(|served| &**served)
        .ok_or_else(|| StatusError::internal("this server has no place for addresses"))
}

impl Services {
    /// The address of the service `kubernetes`: the first there is.
    pub(crate) fn first(&self) -> IpAddr {
        Range(self.addresses.first()).at(0)
    }

    /// Gives the spec of the service `name` the addresses that it asks for or leaves open. The first `kept` it has already: that one of them is
    /// another now is refused when it is validated. A trial is not told whether they are free.
    pub(super) fn choose_addresses(
        &self,
        snapshot: &dyn Snapshot,
        directory: &Directory,
        name: &str,
        spec: &mut ServiceSpec,
        kept: usize,
        dry_run: bool,
    ) -> Result<(), Refused> {
        let wanted = allocate::wanted_cluster_ips(spec);
        if wanted.is_empty() {
            return Ok(());
        }
        let ranges = self.ranges(snapshot, directory).map_err(Refused::Broken)?;
        let served = served(directory).map_err(Refused::Broken)?;
        let free = |address: IpAddr| {
            let key = served.key("", &address.to_string());
            dry_run || snapshot.get(&key).is_none()
        };
        // What a refusal shows.
        let shown: Vec<_> = wanted
            .iter()
            .map(|(_, asked)| asked.clone().unwrap_or_default())
            .collect();
        let mut given = Vec::new();
        for (at, (family, asked)) in wanted.into_iter().enumerate() {
            let is_ipv4 = family == "IPv4";
            let of_family = |range: &&Range| range.0.addr().is_ipv4() == is_ipv4;
            let text = match &asked {
                Some(text) if at < kept => {
                    given.push(text.clone());
                    continue;
                }
                Some(text) => {
                    check(text, &ranges, free, &shown)?;
                    text.clone()
                }
                None if dry_run => {
                    let own = self.addresses.of_family(is_ipv4);
                    own.unwrap_or(self.addresses.first()).network().to_string()
                }
                None => {
                    let mut all = ranges.iter().filter(of_family);
                    let chosen = all.find_map(|range| range.choose(free));
                    let full = Refused::Full("failed to allocate a serviceIP: range is full");
                    chosen.ok_or(full)?.to_string()
                }
            };
            if name.is_empty() && !dry_run {
                return Err(nobodys(&text, asked.as_deref(), &shown));
            }
            given.push(text);
        }
        allocate::put_cluster_ips(spec, given);
        Ok(())
    }
}

/// The refusal of an address for a service without a name: the object that would hold it has to name who it is for, and that is seen
/// before the service itself is looked at.
fn nobodys(chosen: &str, asked: Option<&str>, shown: &[String]) -> Refused {
    let of_ip = asked.map(|asked| format!(" {asked}")).unwrap_or_default();
    let detail = format!(
        "failed to allocate IP{of_ip}: IPAddress.networking.k8s.io {chosen:?} is invalid: spec.parentRef.name: Required value"
    );
    let path = Path::new("spec").child("clusterIPs");
    Refused::invalid(&path, json!(shown), detail)
}

fn check(
    text: &str,
    ranges: &[Range],
    free: impl Fn(IpAddr) -> bool,
    shown: &[String],
) -> Result<(), Refused> {
    let address: Option<IpAddr> = text.parse().ok();
    let within = |address: &IpAddr| ranges.iter().any(|range| range.contains(*address));
    let why = match address {
        Some(address) if within(&address) && free(address) => return Ok(()),
        Some(address) if within(&address) => "provided IP is already allocated",
        _ => "the provided network does not match the current range",
    };
    let path = Path::new("spec").child("clusterIPs");
    let detail = format!("failed to allocate IP {text}: {why}");
    Err(Refused::invalid(&path, json!(shown), detail))
}

/// Adds to a transaction the object that holds an address, which nobody else may have taken meanwhile.
pub(super) fn take(
    directory: &Directory,
    address: IpAddr,
    (owner, now): (Owner<'_>, Timestamp),
    extra: &mut Extra,
) -> Result<()> {
    let served = served(directory)?;
    let mut object = of_service(address, owner.0, owner.1);
    object.metadata.uid = Some(crate::random::uuid());
    object.metadata.creation_timestamp = Some(seconds(now));
    let key: Arc<str> = served.key("", &address.to_string()).into();
    let encoded = encode(served, &mut object, &Managed::default())?;
    extra.compare.push(Compare::Absent(key.clone()));
    extra.ops.push(Op::Put {
        key,
        value: encoded.value,
        stamp: Some(encoded.stamp),
    });
    Ok(())
}

/// Adds to a transaction the end of the object that holds an address, if it still is the service's.
pub(super) fn give_back(
    snapshot: &dyn Snapshot,
    directory: &Directory,
    address: IpAddr,
    owner: Owner<'_>,
    extra: &mut Extra,
) -> Result<()> {
    let served = served(directory)?;
    let Some(entry) = snapshot.get(&served.key("", &address.to_string())) else {
        return Ok(());
    };
    let object = served.decode(&entry)?;
    let object = object.as_any().downcast_ref::<IPAddress>();
    if object.is_some_and(|object| is_held_by(object, owner.0, owner.1)) {
        let last = restamp(&entry.value)?;
        extra.ops.push(Op::Delete {
            key: entry.key.clone(),
            last: Some((last.value, Some(last.stamp))),
        });
    }
    Ok(())
}
