//! The switches that let the host pass packets on, and keep pods from leading it elsewhere.

use std::{fs, io, net::IpAddr};

use crate::error::Degradation;
use crate::interface;

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
    if family.is_ipv6() {
        keep_listening();
    }
    fs::write(&file, "1").map_err(|error| Degradation::NoForwarding {
        sysctl: sysctl.to_owned(),
        reason: error.to_string(),
    })
}

/// Has the interfaces that listen to routers go on doing so: with their usual setting a host that passes packets on does not, and would lose
/// the way out that a router has told it of.
fn keep_listening() {
    let interfaces = fs::read_dir("/proc/sys/net/ipv6/conf")
        .into_iter()
        .flatten();
    for interface in interfaces.flatten() {
        let name = interface.file_name();
        let switch = interface.path().join("accept_ra");
        let listens = fs::read_to_string(&switch).is_ok_and(|value| value.trim() == "1");
        let is_pods = name.to_str().is_some_and(interface::is_host_name);
        if !listens || is_pods || name == "all" || name == "default" {
            continue;
        }
        if let Err(error) = fs::write(&switch, "2") {
            tracing::warn!(interface = %name.display(), %error, "the interface listens to routers no more");
        }
    }
}

/// Lets the host's own packets from the loopback address out to the bridge, for host ports that are asked for at that address. Only
/// where the rules keep pods from using the same address.
pub(crate) fn let_loopback_out(bridge: &str) -> Result<(), Degradation> {
    let sysctl = format!("net/ipv4/conf/{bridge}/route_localnet");
    fs::write(format!("/proc/sys/{sysctl}"), "1").map_err(|error| Degradation::NoLoopbackPorts {
        sysctl,
        reason: error.to_string(),
    })
}

/// Lets an interface have addresses of IPv6 on a host that gives new ones none. Where it cannot be said, the address that is refused says so.
pub(crate) fn let_ipv6(interface: &str) {
    let switch = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
    if fs::read_to_string(&switch).is_ok_and(|value| value.trim() == "1")
        && let Err(error) = fs::write(&switch, "0")
    {
        tracing::debug!(interface, %error, "the interface has no IPv6");
    }
}

/// Has a port of the bridge have nothing of IPv6 itself: no address of the link, and no ear for routers. Where it cannot be said, the rules drop what comes to it.
pub(crate) fn refuse_ipv6(port: &str) {
    let switch = format!("/proc/sys/net/ipv6/conf/{port}/disable_ipv6");
    if let Err(error) = fs::write(switch, "1")
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(port, %error, "a port of the bridge has IPv6 of its own");
    }
}

/// Has the bridge's own address of the link be good at once, not a second or two after its first pod came: till then the host would look for
/// no pod of IPv6 in whose name it passes packets on. Where it cannot be said it is so a little later.
pub(crate) fn trust_own_address(bridge: &str) {
    let switch = format!("/proc/sys/net/ipv6/conf/{bridge}/accept_dad");
    if let Err(error) = fs::write(switch, "0") {
        tracing::debug!(%error, "the bridge asks whether others have its address");
    }
}

/// Has the host not listen to routers on the bridge: any pod could say there that it is one, and be sent the host's own traffic
/// (CVE-2020-10749). A host without IPv6 has nobody to listen.
pub(crate) fn ignore_routers(bridge: &str) -> Result<(), Degradation> {
    let sysctl = format!("net/ipv6/conf/{bridge}/accept_ra");
    match fs::write(format!("/proc/sys/{sysctl}"), "0") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Degradation::ListensToRouters {
                sysctl,
                reason: error.to_string(),
            })
        }
        _ => Ok(()),
    }
}
