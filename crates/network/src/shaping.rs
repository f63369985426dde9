//! Holds what goes to a pod and comes from it back to the rate that it may have, by token buckets of the kernel's.
//!
//! What goes to it waits at the host's end of its pair. What comes from it has been sent when it gets there, so it is sent on to a
//! device of its own (`ifb`), waits there, and goes on as if it had just come: the pod itself, whatever it may do, cannot change that.

use std::io;

use rtnetlink::{
    LinkUnspec,
    packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
        tc::{
            TcAction, TcActionAttribute, TcActionMirror, TcActionMirrorOption, TcActionOption,
            TcActionType, TcAttribute, TcFilterU32, TcFilterU32Option, TcHandle, TcMessage,
            TcMirror, TcOption, TcU32Key, TcU32Selector, TcU32SelectorFlags,
        },
    },
};

use crate::bandwidth::Bandwidth;
use crate::interface::{self, HOST_PREFIX};
use crate::netlink::{Netlink, Request};

/// What the names of these devices begin with; the rest is that of the pod's interface on the host.
const PREFIX: &str = "ni";
/// What may come at once is what comes in so long a time, in milliseconds; and so much again may wait.
const BURST_MILLISECONDS: u64 = 50;
/// But no less than two frames, with their headers: what does not fit into a bucket is never sent.
const FRAMES: u64 = 2;
/// And no less than so much, for what a low rate lets wait is twice that.
const LEAST_BURST: u64 = 4096;
/// The header of a frame, with the tag of a VLAN.
const FRAME_HEADER: u64 = 18;
/// What the kernel takes.
const MOST_BURST: u64 = 1 << 30;
const ETHERNET: u8 = 1;
/// Packets of all protocols, as an Ethernet type in network order.
const ALL_PROTOCOLS: u32 = 0x0003_u16.to_be() as u32;
/// There is one filter.
const PRIORITY: u32 = 1;

/// The device by which goes what a pod sends, by the name of its interface on the host.
pub(crate) fn device_name(host_name: &str) -> String {
    let rest = host_name.strip_prefix(HOST_PREFIX).unwrap_or(host_name);
    format!("{PREFIX}{rest}")
}

/// Limits a pod whose interface is new. `mtu`: that of its interface. `bridge`: whose device it is, where several nodes share a host.
pub(crate) fn limit(
    host: &mut Netlink,
    (host_name, mtu): (&str, u32),
    bandwidth: Bandwidth,
    bridge: &str,
) -> io::Result<()> {
    if bandwidth == Bandwidth::default() {
        return Ok(());
    }
    let end = index(host, host_name)?;
    let mut requests = Vec::new();
    if let Some(rate) = bandwidth.ingress {
        requests.push(bucket((end, mtu), rate));
    }
    if let Some(rate) = bandwidth.egress {
        let name = device_name(host_name);
        // Of an earlier try.
        interface::remove(host, &name)?;
        make_device(host, &name, bridge)?;
        let device = index(host, &name)?;
        requests.extend([
            bucket((device, mtu), rate),
            entrance(end),
            redirection(end, device),
        ]);
    }
    let answers = host.batch(requests)?;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

fn index(host: &mut Netlink, name: &str) -> io::Result<u32> {
    let link = host.link(LinkUnspec::new_with_name(name).build())?;
    let link = link.ok_or_else(|| io::Error::other(format!("{name} is gone")))?;
    Ok(link.header.index)
}

fn make_device(host: &mut Netlink, name: &str, bridge: &str) -> io::Result<()> {
    let mut device = LinkMessage::default();
    device.header.flags = LinkFlags::Up;
    device.header.change_mask = LinkFlags::Up;
    device.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Ifb)]),
    ];
    let mut owned = LinkUnspec::new_with_name(name).build();
    owned
        .attributes
        .push(LinkAttribute::IfAlias(bridge.to_owned()));
    let answers = host.batch(vec![
        (
            RouteNetlinkMessage::NewLink(device),
            NLM_F_CREATE | NLM_F_EXCL,
        ),
        (RouteNetlinkMessage::SetLink(owned), 0),
    ])?;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

/// The devices of this bridge that belong to none of these interfaces.
pub(crate) fn strays(
    host: &mut Netlink,
    bridge: &str,
    is_known: impl Fn(&str) -> bool,
) -> io::Result<Vec<String>> {
    let links = host.links()?;
    let of_bridge = links.iter().filter_map(|link| {
        let is_ours = |it: &LinkAttribute| matches!(it, LinkAttribute::IfAlias(of) if of == bridge);
        let name = link.attributes.iter().find_map(|it| match it {
            LinkAttribute::IfName(name) => name.strip_prefix(PREFIX),
            _ => None,
        });
        name.filter(|_| link.attributes.iter().any(is_ours))
    });
    let strays = of_bridge.filter(|rest| !is_known(&format!("{HOST_PREFIX}{rest}")));
    Ok(strays.map(|rest| format!("{PREFIX}{rest}")).collect())
}

fn message(index: u32, parent: TcHandle, kind: &str) -> TcMessage {
    let mut message = TcMessage::default();
    message.header.family = AddressFamily::Unspec;
    message.header.index = index.cast_signed();
    message.header.parent = parent;
    message.attributes = vec![TcAttribute::Kind(kind.to_owned())];
    message
}

/// A token bucket through which all goes that the interface sends. `rate`: in bits a second.
fn bucket((index, mtu): (u32, u32), rate: u64) -> Request {
    let mut bucket = message(index, TcHandle::ROOT, "tbf");
    bucket
        .attributes
        .push(TcAttribute::Options(bucket_options(rate, mtu)));
    let new = RouteNetlinkMessage::NewQueueDiscipline(bucket);
    (new, NLM_F_CREATE | NLM_F_EXCL)
}

/// `struct tc_tbf_qopt`, and besides what does not fit into it.
fn bucket_options(rate: u64, mtu: u32) -> Vec<TcOption> {
    const PARAMETERS: u16 = 1;
    const RATE: u16 = 4;
    const BURST: u16 = 6;
    let octets = rate / 8;
    let burst = octets.saturating_mul(BURST_MILLISECONDS) / 1000;
    let least = FRAMES * (u64::from(mtu) + FRAME_HEADER);
    let burst = burst.clamp(least.max(LEAST_BURST), MOST_BURST);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    // The rate, and none for a peak: cell_log, linklayer, overhead, cell_align, mpu, rate.
    let mut parameters = vec![0, ETHERNET, 0, 0, 0, 0, 0, 0];
    parameters.extend(small(octets).to_ne_bytes());
    parameters.extend([0; 12]);
    // How much may wait. The size of the bucket, as a time, and of packets at the peak follow from what comes below.
    parameters.extend(small(burst * 2).to_ne_bytes());
    parameters.extend([0; 8]);
    [
        (PARAMETERS, parameters),
        (RATE, octets.to_ne_bytes().to_vec()),
        (BURST, small(burst).to_ne_bytes().to_vec()),
    ]
    .map(|(kind, value)| TcOption::Other(DefaultNla::new(kind, value)))
    .into()
}

/// Has what comes in at an interface be looked at.
fn entrance(index: u32) -> Request {
    let mut entrance = message(index, TcHandle::INGRESS, "ingress");
    entrance.header.handle = TcHandle {
        major: u16::MAX,
        minor: 0,
    };
    let new = RouteNetlinkMessage::NewQueueDiscipline(entrance);
    (new, NLM_F_CREATE | NLM_F_EXCL)
}

/// Sends on to the device whatever comes in at the interface.
fn redirection(index: u32, device: u32) -> Request {
    let mut everything = TcU32Selector::default();
    everything.flags = TcU32SelectorFlags::Terminal;
    everything.nkeys = 1;
    everything.keys = vec![TcU32Key::default()];
    let mut redirect = TcMirror::default();
    redirect.generic.action = TcActionType::Stolen;
    redirect.ifindex = device;
    let redirect = TcActionOption::Mirror(TcActionMirrorOption::Parms(redirect));
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.to_owned()),
        TcActionAttribute::Options(vec![redirect]),
    ];
    let parent = TcHandle {
        major: u16::MAX,
        minor: 0,
    };
    let mut filter = message(index, parent, TcFilterU32::KIND);
    filter.header.info = PRIORITY << 16 | ALL_PROTOCOLS;
    filter.attributes.push(TcAttribute::Options(vec![
        TcOption::U32(TcFilterU32Option::Selector(everything)),
        TcOption::U32(TcFilterU32Option::Action(vec![action])),
    ]));
    let new = RouteNetlinkMessage::NewTrafficFilter(filter);
    (new, NLM_F_CREATE | NLM_F_EXCL)
}
