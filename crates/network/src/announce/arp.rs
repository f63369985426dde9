//! ARP on Ethernet (RFC 826, RFC 5227), as octets. Pure.

use std::net::{IpAddr, Ipv4Addr};

use super::{EVERYBODY, Mac};

/// The number of the protocol.
pub(super) const ETHERTYPE: u16 = 0x0806;
/// Ethernet, IPv4, and how long addresses of these are.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// Somebody asks for the hardware address of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) target: IpAddr,
    asker: Mac,
    asker_ip: Ipv4Addr,
}

impl Request {
    /// `None`: the frame is something else, or tells of an address and asks nothing.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let body = frame.get(14..42)?;
        let is_request = frame[12..14] == ETHERTYPE.to_be_bytes()
            && body[..6] == KIND
            && body[6..8] == REQUEST.to_be_bytes();
        let asker: Mac = body[8..14].try_into().ok()?;
        let ip = |at: usize| <[u8; 4]>::try_from(&body[at..at + 4]).ok();
        let (asker_ip, target) = (Ipv4Addr::from(ip(14)?), Ipv4Addr::from(ip(24)?));
        // The first bit of a hardware address is set of those that are many hosts'.
        let asks = is_request && asker[0] & 1 == 0 && asker_ip != target;
        asks.then_some(Self {
            target: target.into(),
            asker,
            asker_ip,
        })
    }

    /// The answer that the target is at this hardware address.
    pub(super) fn answer(&self, mac: Mac) -> Option<Vec<u8>> {
        let IpAddr::V4(target) = self.target else {
            return None;
        };
        let asker = (self.asker, self.asker_ip);
        Some(frame(REPLY, self.asker, (mac, target), asker))
    }
}

/// Who says that an address is at their hardware address: by an answer, or unasked.
pub(super) fn claimed(frame: &[u8]) -> Option<(IpAddr, Mac)> {
    let body = frame.get(14..42)?;
    let is_kind = frame[12..14] == ETHERTYPE.to_be_bytes() && body[..6] == KIND;
    let operation = u16::from_be_bytes([body[6], body[7]]);
    let mac: Mac = body[8..14].try_into().ok()?;
    let sender = Ipv4Addr::from(<[u8; 4]>::try_from(&body[14..18]).ok()?);
    // A question says so as well, of who asks.
    let is_said = matches!(operation, REQUEST | REPLY);
    let is_one = is_kind && is_said && !sender.is_unspecified() && mac[0] & 1 == 0;
    is_one.then_some((sender.into(), mac))
}

/// Asks whether somebody has the address, and says nothing of who asks (RFC 5227, 2.1.1).
pub(super) fn probe(ip: Ipv4Addr, mac: Mac) -> Vec<u8> {
    let nobody = (mac, Ipv4Addr::UNSPECIFIED);
    frame(REQUEST, EVERYBODY, nobody, ([0; 6], ip))
}

/// Tells everybody that the address is at this hardware address.
pub(super) fn announcement(ip: Ipv4Addr, mac: Mac) -> Vec<u8> {
    frame(REQUEST, EVERYBODY, (mac, ip), ([0; 6], ip))
}

fn frame(operation: u16, to: Mac, from: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend(to);
    frame.extend(from.0);
    frame.extend(ETHERTYPE.to_be_bytes());
    frame.extend(KIND);
    frame.extend(operation.to_be_bytes());
    for (mac, ip) in [from, target] {
        frame.extend(mac);
        frame.extend(ip.octets());
    }
    frame
}
