//! What is asked and answered, as octets.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::Command;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};

use super::*;
use crate::announce::packets::{self, Frames};
use crate::announce::{arp, ndp};
use crate::namespace::tests::in_a_namespace;

const MINE: Mac = [2, 0, 0, 0, 0, 1];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    let octet = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

/// Who has 192.0.2.20? Tell 192.0.2.9.
const WHO_HAS: &str = "ffffffffffff 020000000009 0806 0001 0800 06 04 0001 020000000009 c0000209 000000000000 c0000214";

#[test]
fn a_question_of_arp_and_its_answer() {
    let asked = arp::Request::parse(&hex(WHO_HAS)).unwrap();
    assert_eq!(asked.target, ip("192.0.2.20"));
    let answer = "020000000009 020000000001 0806 0001 0800 06 04 0002 020000000001 c0000214 020000000009 c0000209";
    assert_eq!(asked.answer(MINE), Some(hex(answer)));
    let told = arp::announcement("192.0.2.20".parse().unwrap(), MINE);
    let wanted = "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c0000214 000000000000 c0000214";
    assert_eq!(told, hex(wanted));
    // What is told is no question.
    assert_eq!(arp::Request::parse(&told), None);
    // An answer; a hardware address that is many hosts'; another protocol; one that is cut off.
    for (at, octet) in [(21, 2), (22, 3), (12, 9), (17, 1), (18, 8)] {
        let mut frame = hex(WHO_HAS);
        frame[at] = octet;
        assert_eq!(arp::Request::parse(&frame), None, "{at}");
    }
    for length in 0..42 {
        assert_eq!(arp::Request::parse(&hex(WHO_HAS)[..length]), None);
    }
}

#[test]
fn who_says_that_an_address_is_theirs() {
    let (v4, v6) = ("192.168.1.20", "fd01::14");
    let (of_v4, of_v6) = (v4.parse().unwrap(), v6.parse().unwrap());
    let told = arp::announcement(of_v4, THEIRS);
    assert_eq!(arp::claimed(&told), Some((ip(v4), THEIRS)));
    assert_eq!(arp::Request::parse(&told), None);
    // Who asks says so of nobody, and is answered.
    let probe = arp::probe(of_v4, THEIRS);
    assert_eq!(arp::claimed(&probe), None);
    let answer = arp::Request::parse(&probe).unwrap().answer(MINE).unwrap();
    assert_eq!(arp::claimed(&answer), Some((ip(v4), MINE)));
    for length in 0..42 {
        assert_eq!(arp::claimed(&answer[..length]), None);
    }
    let own = "fd01::1".parse().unwrap();
    let told = ndp::announcement(of_v6, own, THEIRS);
    assert_eq!(ndp::claimed(&told), Some((ip(v6), THEIRS)));
    let probe = ndp::probe(of_v6, THEIRS);
    assert_eq!(probe[..6], hex("3333ff000014"));
    assert_eq!(ndp::claimed(&probe), None);
    let answer = ndp::Solicitation::parse(&probe).unwrap().answer(own, MINE);
    assert_eq!(ndp::claimed(&answer.unwrap()), Some((ip(v6), MINE)));
}

/// From fd01::9, who has fd01::14? Without its checksum.
const SOLICITATION: &str = "3333ff000014 020000000009 86dd 6000000000203aff
    fd010000000000000000000000000009 ff0200000000000000000001ff000014
    8700 0000 00000000 fd010000000000000000000000000014 0101 020000000009";

#[test]
fn a_solicitation_and_its_advertisement() {
    let frame = hex(SOLICITATION);
    let right = (0..=u16::MAX)
        .map(|sum| [&frame[..56], &sum.to_be_bytes(), &frame[58..]].concat())
        .filter(|frame| ndp::Solicitation::parse(frame).is_some());
    let right: Vec<_> = right.collect();
    assert_eq!(right.len(), 1, "one checksum is right");
    let asked = ndp::Solicitation::parse(&right[0]).unwrap();
    assert_eq!(asked.target, ip("fd01::14"));
    let own = "fd01::1".parse().unwrap();
    let answer = asked.answer(own, MINE).unwrap();
    let (head, rest) = answer.split_at(54);
    assert_eq!(
        head,
        hex(
            "020000000009 020000000001 86dd 6000000000203aff fd010000000000000000000000000001 fd010000000000000000000000000009"
        )
    );
    assert_eq!(rest[..2], [136, 0]);
    assert_eq!(
        rest[4..],
        hex("60000000 fd010000000000000000000000000014 0201 020000000001")
    );
    // To everybody, as an answer to whoever has no address yet and unasked.
    let told = ndp::announcement("fd01::14".parse().unwrap(), own, MINE);
    assert_eq!(told[..6], hex("333300000001"));
    assert_eq!(told[38..54], hex("ff020000000000000000000000000001"));
    assert_eq!(told[58], 0x20);
    assert_eq!(ndp::Solicitation::parse(&told), None);
    let frame = &right[0];
    for (at, octet) in [(21, 254), (20, 17), (54, 136), (55, 1), (6, 3), (70, 7)] {
        let mut frame = frame.clone();
        frame[at] = octet;
        assert_eq!(ndp::Solicitation::parse(&frame), None, "{at}");
    }
    for length in 0..frame.len() {
        assert_eq!(ndp::Solicitation::parse(&frame[..length]), None);
    }
    let group = ndp::group_of("2001:db8::1234:5678".parse().unwrap());
    assert_eq!(ip("ff02::1:ff34:5678"), group);
}

/// One of a VLAN that nobody here is in is told of with its tag taken away, as one for another host is where all are listened to.
#[test]
fn frames_that_are_others_are_not_heard() {
    in_a_namespace(|| {
        let run = |line: &str| {
            let done = Command::new("ip").args(line.split(' ')).status();
            assert!(done.unwrap().success(), "{line}");
        };
        run("link add near type veth peer name far");
        run("link set near up");
        run("link set far up promisc on");
        let index = |name| nix::net::if_::if_nametoindex(name).unwrap();
        let near = packets::open(Frames::Arp, index("near")).unwrap();
        let far = packets::open(Frames::Arp, index("far")).unwrap();
        let asked = hex(WHO_HAS);
        let tagged = [&asked[..12], &hex("8100 0007"), &asked[12..]].concat();
        let mut for_another = asked.clone();
        for_another[..6].copy_from_slice(&[2, 0, 0, 0, 0, 7]);
        for frame in [&tagged, &for_another, &asked] {
            send(near.as_raw_fd(), frame, MsgFlags::empty()).unwrap();
        }
        let mut heard = [0; 256];
        let mut hear = || {
            let mut is_there = [PollFd::new(far.as_fd(), PollFlags::POLLIN)];
            poll(&mut is_there, PollTimeout::from(200u16)).unwrap();
            recv(far.as_raw_fd(), &mut heard, MsgFlags::empty())
                .map(|length| heard[..length].to_vec())
        };
        assert_eq!(hear().unwrap(), asked);
        assert!(hear().is_err(), "and nothing else");
    });
}
