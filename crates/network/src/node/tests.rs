use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::namespace::tests::in_a_namespace;
use crate::{HostPort, PodName, Protocol};

/// A network namespace for as long as its file is open, and where it is found.
fn pod() -> (File, std::path::PathBuf) {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        File::open("/proc/thread-self/ns/net").unwrap()
    };
    let file = thread::spawn(make).join().unwrap();
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    (file, path.into())
}

fn attach(node: &mut Node, id: &str) -> File {
    let (file, path) = pod();
    let pod = PodName {
        namespace: "default".into(),
        name: id.to_owned(),
        uid: id.to_owned(),
    };
    let port = HostPort {
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port: 8080,
        container_port: 80,
    };
    node.attach(id, &path, PodRequest::new(pod, vec![port]))
        .unwrap();
    file
}

#[test]
fn host_ports_of_a_pod_that_leaves_do_not_come_back() {
    in_a_namespace(|| {
        let state = tempfile::TempDir::new().unwrap();
        let pods = "10.244.1.0/24".parse().unwrap();
        let mut node = Node::start(Config::new(pods, Vec::new(), state.path().into())).unwrap();
        let _first = attach(&mut node, "first");
        let interface = node.begin_detach("first", oneshot::channel().0).unwrap();
        let flushed = Command::new("nft").args(["flush", "ruleset"]).status();
        assert!(flushed.unwrap().success() && node.repair());
        assert!(interface::remove(&mut node.host, &interface).unwrap());
        node.finish_detach("first", &Ok(()));
        // It is another's now.
        let _second = attach(&mut node, "second");
        assert_eq!(node.degradations(), []);
    });
}

#[test]
fn a_pod_that_is_attached_when_a_table_is_gone_has_its_elements() {
    in_a_namespace(|| {
        let state = tempfile::TempDir::new().unwrap();
        let pods = "10.244.1.0/24".parse().unwrap();
        let mut node = Node::start(Config::new(pods, Vec::new(), state.path().into())).unwrap();
        let flushed = Command::new("nft").args(["flush", "ruleset"]).status();
        assert!(flushed.unwrap().success());
        let _pod = attach(&mut node, "a");
        let listed = Command::new("nft").args(["list", "ruleset"]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        assert!(listed.contains(&interface::host_name("a")), "{listed}");
        assert_eq!(node.degradations(), []);
    });
}
