use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::netfilter::entry::Field;

const TEXT: &str =
    "add table inet t\ndelete table inet t\ntable inet t { set s { type ipv4_addr; }; }\n";

fn entry(last: u8) -> Entry {
    Entry {
        set: "s",
        key: vec![Field::Address([10, 0, 0, last].into())],
        value: Vec::new(),
    }
}

fn nft(arguments: &str) -> String {
    let output = Command::new("nft").args(arguments.split(' ')).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn what_stands_is_kept_when_it_cannot_be_made_anew() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes a network namespace and must run as root; nothing was tested"
    );
    thread::spawn(refuse).join().unwrap();
}

fn refuse() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let (works, refuses) = (Nft::find().unwrap(), Nft::at("/bin/false"));
    let mut netfilter = Netfilter::open().unwrap();
    let mut kept = Kept::new(Packets::Inet, "t", &["s"]);
    let mut make = |kept: &mut Kept, nft| kept.make(nft, &mut netfilter, TEXT.into(), &[entry(1)]);
    assert!(make(&mut kept, &refuses).is_err() && !kept.has_been());
    make(&mut kept, &works).unwrap();
    assert!(make(&mut kept, &refuses).is_err());
    kept.is_made().unwrap();
    let mut netfilter = Netfilter::open().unwrap();
    kept.change(&mut netfilter, &[], &[entry(2)]).unwrap();
    assert!(kept.is_intact(&mut netfilter).unwrap());
    // Of what somebody else has removed the rest goes.
    nft("delete element inet t s { 10.0.0.1 }");
    let both = [entry(1), entry(2)];
    kept.change(&mut netfilter, &both, &[entry(3)]).unwrap();
    assert!(nft("list set inet t s").contains("elements = { 10.0.0.3 }"));
    // And what is gone is not kept, but it is known that it was there.
    nft("delete table inet t");
    let made = kept.make(&refuses, &mut netfilter, TEXT.into(), &[]);
    assert!(made.is_err() && kept.is_made().is_err() && kept.has_been());
}
