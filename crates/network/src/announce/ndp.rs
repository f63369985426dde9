//! Neighbour discovery of IPv6 on Ethernet (RFC 4861), as octets. Pure.

use std::net::{IpAddr, Ipv6Addr};

use super::Mac;

/// The number of IPv6.
pub(super) const ETHERTYPE: u16 = 0x86dd;
/// The number of ICMP in it.
pub(super) const ICMP: u8 = 58;
/// The type of a question for a hardware address.
pub(super) const SOLICITATION: u8 = 135;
/// The type of an answer.
pub(super) const ADVERTISEMENT: u8 = 136;
/// What comes from beyond a router has less (RFC 4861, 7.1.1).
const HOPS: u8 = 255;
/// The answer is one to a question.
const SOLICITED: u8 = 0x40;
/// What is known of the address so far is no longer so.
const OVERRIDE: u8 = 0x20;
/// The option that has the hardware address of the target, in eights of octets.
const TARGET_AT: [u8; 2] = [2, 1];
/// Where in a frame the packet begins, and where what is in it.
const PACKET: usize = 14;
const BODY: usize = PACKET + 40;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What questions and answers have in common.
struct Message {
    kind: u8,
    target: Ipv6Addr,
    sender: Mac,
    from: Ipv6Addr,
}

impl Message {
    /// `None`: the frame is something else, or comes from another segment.
    fn parse(frame: &[u8]) -> Option<Self> {
        let head = frame.get(PACKET..BODY)?;
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        let body = frame.get(BODY..BODY.checked_add(length)?)?;
        let target: [u8; 16] = body.get(8..24)?.try_into().ok()?;
        let is_right = frame[12..14] == ETHERTYPE.to_be_bytes()
            && (head[0] >> 4, head[6], head[7]) == (6, ICMP, HOPS)
            && body[1] == 0;
        let ip = |at: usize| <[u8; 16]>::try_from(&head[at..at + 16]).ok();
        let (from, to) = (Ipv6Addr::from(ip(8)?), Ipv6Addr::from(ip(24)?));
        let sender: Mac = frame[6..12].try_into().ok()?;
        let is_whole = is_right && sender[0] & 1 == 0 && checksum(from, to, body) == 0;
        is_whole.then_some(Self {
            kind: body[0],
            target: target.into(),
            sender,
            from,
        })
    }
}

/// Who says that an address is at their hardware address: by an answer, or unasked.
pub(super) fn claimed(frame: &[u8]) -> Option<(IpAddr, Mac)> {
    let message = Message::parse(frame)?;
    let is_one = message.kind == ADVERTISEMENT;
    is_one.then_some((message.target.into(), message.sender))
}

/// Somebody asks for the hardware address of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Solicitation {
    pub(super) target: IpAddr,
    asker: Mac,
    /// Unspecified where the asker wants the address for itself.
    asker_ip: Ipv6Addr,
}

impl Solicitation {
    /// `None`: the frame is something else, or comes from another segment.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let message = Message::parse(frame)?;
        (message.kind == SOLICITATION).then_some(Self {
            target: message.target.into(),
            asker: message.sender,
            asker_ip: message.from,
        })
    }

    /// The answer, of a host with this address, that the target is at this hardware address.
    pub(super) fn answer(&self, from: Ipv6Addr, mac: Mac) -> Option<Vec<u8>> {
        let IpAddr::V6(target) = self.target else {
            return None;
        };
        Some(match self.asker_ip.is_unspecified() {
            true => announcement(target, from, mac),
            false => {
                let to = (self.asker, self.asker_ip);
                frame(to, (mac, from), target, SOLICITED | OVERRIDE)
            }
        })
    }
}

/// Tells everybody, of a host with the address `from`, that `ip` is at this hardware address.
pub(super) fn announcement(ip: Ipv6Addr, from: Ipv6Addr, mac: Mac) -> Vec<u8> {
    frame((group_at(ALL_NODES), ALL_NODES), (mac, from), ip, OVERRIDE)
}

/// The group in which a host is asked for the address.
pub(super) fn group_of(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = ip.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

fn group_at(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// Asks whether somebody has the address, and says nothing of who asks (RFC 4862, 5.4.2).
pub(super) fn probe(ip: Ipv6Addr, mac: Mac) -> Vec<u8> {
    let group = group_of(ip);
    let mut body = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    body.extend(ip.octets());
    let from = (mac, Ipv6Addr::UNSPECIFIED);
    packet((group_at(group), group), from, body)
}

fn frame(to: (Mac, Ipv6Addr), from: (Mac, Ipv6Addr), target: Ipv6Addr, flags: u8) -> Vec<u8> {
    let mut body = vec![ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    body.extend(target.octets());
    body.extend(TARGET_AT);
    body.extend(from.0);
    packet(to, from, body)
}

fn packet(to: (Mac, Ipv6Addr), from: (Mac, Ipv6Addr), mut body: Vec<u8>) -> Vec<u8> {
    let sum = checksum(from.1, to.1, &body).to_be_bytes();
    body[2..4].copy_from_slice(&sum);
    let mut frame = Vec::with_capacity(BODY + body.len());
    frame.extend(to.0);
    frame.extend(from.0);
    frame.extend(ETHERTYPE.to_be_bytes());
    frame.extend([0x60, 0, 0, 0, 0, body.len() as u8, ICMP, HOPS]);
    frame.extend(from.1.octets());
    frame.extend(to.1.octets());
    frame.extend(body);
    frame
}

/// Of ICMP in IPv6 (RFC 4443, 2.3). Of what has one already it is 0.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, body: &[u8]) -> u16 {
    let pairs = body.chunks(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        [high] => u16::from(*high) << 8,
        _ => 0,
    });
    let addresses = [from, to].into_iter().flat_map(|ip| ip.segments());
    let words = addresses.chain(pairs).map(u64::from);
    let mut sum = words.sum::<u64>() + body.len() as u64 + u64::from(ICMP);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
