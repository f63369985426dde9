use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use nix::sched::{CloneFlags, unshare};
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::{LinkBridge, LinkUnspec};

use super::*;
use crate::bridge::{address, network_of};

/// How many nodes a large cluster has.
const MANY: u32 = 5000;

/// Needs root: it is in a network namespace of its own.
#[test]
fn any_number_of_requests_is_answered_one_by_one() {
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let mut netlink = Netlink::open().unwrap();
        let new = RouteNetlinkMessage::NewLink(LinkBridge::new("d").build());
        netlink.one(new, NLM_F_CREATE | NLM_F_EXCL).unwrap();
        let found = netlink.link(LinkUnspec::new_with_name("d").build());
        let index = found.unwrap().unwrap().header.index;
        let nth = |n: u32| -> AddressMessage {
            let ip = Ipv4Addr::from_bits(0x0a00_0001 + n);
            address(index, IpAddr::from(ip), 32)
        };
        // One of them is there already.
        let all = (0..MANY).chain([7]);
        let request = |n| {
            let new = RouteNetlinkMessage::NewAddress(nth(n));
            (new, NLM_F_CREATE | NLM_F_EXCL)
        };
        let mut answers = netlink.batch(all.map(request).collect()).unwrap();
        let last = answers.pop().unwrap().unwrap_err();
        assert!(is_present(&last), "{last}");
        assert_eq!(answers.len(), MANY as usize);
        assert!(answers.iter().all(Result::is_ok));
        let all = netlink.addresses().unwrap();
        let own = all.iter().filter(|it| it.header.index == index);
        let own: BTreeSet<_> = own.filter_map(network_of).collect();
        let mut wanted = (0..MANY).filter_map(|n| network_of(&nth(n)));
        assert!(wanted.all(|it| own.contains(&it)));
    })
    .join()
    .unwrap();
}
