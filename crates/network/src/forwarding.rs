//! The switch that lets the host pass packets on.

use std::{fs, net::IpAddr};

use crate::error::Degradation;

/// Turns forwarding on in the network namespace of the calling thread, unless it is. It stays on: others may rely on it by the
/// time this network goes.
pub(crate) fn enable(family: IpAddr) -> Result<(), Degradation> {
    let sysctl = match family {
        IpAddr::V4(_) => "net/ipv4/ip_forward",
        IpAddr::V6(_) => "net/ipv6/conf/all/forwarding",
    };
    let file = format!("/proc/sys/{sysctl}");
    if fs::read_to_string(&file).is_ok_and(|value| value.trim() == "1") {
        return Ok(());
    }
    fs::write(&file, "1").map_err(|error| Degradation::NoForwarding {
        sysctl: sysctl.to_owned(),
        reason: error.to_string(),
    })
}
