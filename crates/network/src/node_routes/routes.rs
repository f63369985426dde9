//! The routes to other nodes' pods, in the kernel's main table.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use crate::netlink::{Netlink, is_absent};

/// By which ours are told from others' routes: a number that no other program is known for.
pub(crate) const PROTOCOL: RouteProtocol = RouteProtocol::Other(110);

/// The metric behind all others: any other route to the same is used before.
const LAST: u32 = u32::MAX;

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// By another host.
    By {
        gateway: IpAddr,
        interface: u32,
        /// What this host's own packets come from, where that is not for the kernel to choose.
        source: Option<IpAddr>,
    },
    /// Into a device that knows the way on.
    Into {
        interface: u32,
        source: Option<IpAddr>,
    },
    /// Nowhere: what has no other way stays here, and its sender is told so.
    Nowhere,
}

/// By where they lead to.
pub(crate) type Routes = BTreeMap<IpNet, Route>;

/// Ours, as far as they lead to these ranges: other clusters' nodes on this host have theirs.
pub(crate) fn present(netlink: &mut Netlink, cluster: &[IpNet]) -> io::Result<Routes> {
    let mut all = Routes::new();
    for family in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
        let mut filter = builder(family, 0)?.protocol(PROTOCOL).build();
        filter.header.table = RouteHeader::RT_TABLE_MAIN;
        filter.attributes.clear();
        filter.header.scope = RouteScope::Universe;
        filter.header.kind = RouteType::Unspec;
        let found = netlink.routes(filter)?;
        all.extend(found.iter().filter_map(read));
    }
    all.retain(|to, _| cluster.iter().any(|range| range.contains(to)));
    Ok(all)
}

/// Sets these, in the place of what leads to the same ranges. One that cannot be does not keep the others; the first error comes at
/// the end.
pub(crate) fn set<'a>(
    netlink: &mut Netlink,
    routes: impl IntoIterator<Item = (&'a IpNet, &'a Route)>,
) -> io::Result<()> {
    let mut requests = Vec::new();
    for (to, route) in routes {
        let message = RouteNetlinkMessage::NewRoute(message(*to, route)?);
        requests.push((message, NLM_F_CREATE | NLM_F_REPLACE));
    }
    let answers = netlink.batch(requests)?;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

/// Removes these; what is gone already is no matter.
pub(crate) fn remove<'a>(
    netlink: &mut Netlink,
    routes: impl IntoIterator<Item = (&'a IpNet, &'a Route)>,
) -> io::Result<()> {
    let mut requests = Vec::new();
    for (to, route) in routes {
        let message = RouteNetlinkMessage::DelRoute(message(*to, route)?);
        requests.push((message, 0));
    }
    let answers = netlink.batch(requests)?;
    answers.into_iter().try_for_each(|answer| match answer {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    })
}

fn builder(to: IpAddr, prefix_len: u8) -> io::Result<RouteMessageBuilder<IpAddr>> {
    RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(to, prefix_len)
        .map_err(io::Error::other)
}

fn message(to: IpNet, route: &Route) -> io::Result<RouteMessage> {
    let mut message = builder(to.network(), to.prefix_len())?.protocol(PROTOCOL);
    match *route {
        Route::By {
            gateway,
            interface,
            source,
        } => {
            message = message.gateway(gateway).map_err(io::Error::other)?;
            message = message.output_interface(interface);
            // In the tunnel alone.
            if let Some(source) = source {
                message = message.pref_source(source).map_err(io::Error::other)?;
                // The gateway is behind the tunnel, which is in no network of its own.
                message = message.onlink();
            }
        }
        Route::Into { interface, source } => {
            message = message.output_interface(interface).scope(RouteScope::Link);
            if let Some(source) = source {
                message = message.pref_source(source).map_err(io::Error::other)?;
            }
        }
        Route::Nowhere => message = message.kind(RouteType::Unreachable).priority(LAST),
    }
    Ok(message.build())
}

fn read(message: &RouteMessage) -> Option<(IpNet, Route)> {
    let header = &message.header;
    if header.protocol != PROTOCOL || header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let (mut to, mut gateway, mut interface, mut source) = (None, None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => to = ip_of(address),
            RouteAttribute::Gateway(address) => gateway = ip_of(address),
            RouteAttribute::PrefSource(address) => source = ip_of(address),
            RouteAttribute::Oif(index) => interface = Some(*index),
            _ => {}
        }
    }
    let route = match (header.kind, gateway) {
        // Those of IPv6 have the loopback interface.
        (RouteType::Unreachable, _) => Route::Nowhere,
        (_, Some(gateway)) => Route::By {
            gateway,
            interface: interface?,
            source,
        },
        (_, None) => Route::Into {
            interface: interface?,
            source,
        },
    };
    Some((
        IpNet::new(to?, header.destination_prefix_length).ok()?,
        route,
    ))
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
