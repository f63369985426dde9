//! Who sees what goes along the segments: whoever is between the hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::namespaces::Namespace;

/// What has been seen, as long as this is there.
pub(super) struct Eye {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// Frames that have an address of a pod.
    clear: AtomicUsize,
    encrypted: AtomicUsize,
    is_over: AtomicBool,
}

impl Eye {
    /// Looks at all that comes by the interfaces of a namespace.
    pub(super) fn at(namespace: &Namespace) -> Self {
        let seen = Arc::new(Seen::default());
        let known = seen.clone();
        let (opened, open) = std::sync::mpsc::sync_channel(1);
        let thread = namespace.spawn(move || {
            let flags = SockFlag::empty();
            let protocol = SockProtocol::EthAll;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, protocol).unwrap();
            let timeout = TimeVal::new(0, 50_000);
            setsockopt(&socket, sockopt::ReceiveTimeout, &timeout).unwrap();
            opened.send(()).unwrap();
            let mut frame = [0; 2048];
            while !known.is_over.load(Ordering::Relaxed) {
                let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
                let flags = nix::sys::socket::MsgFlags::empty();
                if let Ok(length) = recv(descriptor, &mut frame, flags) {
                    known.see(&frame[..length]);
                }
            }
        });
        open.recv().unwrap();
        Self {
            seen,
            thread: Some(thread),
        }
    }

    /// How many frames had an address of a pod, by now.
    pub(super) fn clear(&self) -> usize {
        self.seen.clear.load(Ordering::Relaxed)
    }

    /// How many went from node to node encrypted.
    pub(super) fn encrypted(&self) -> usize {
        self.seen.encrypted.load(Ordering::Relaxed)
    }
}

impl Seen {
    fn see(&self, frame: &[u8]) {
        // 10.244.0.0/16 and fd00:10::/32, wherever they are: in a tunnel, too. A chance of some millionths a frame that they are elsewhere is not taken:
        // what is encrypted is known by its port.
        let is_encrypted = match frame.get(12..14) {
            Some([0x08, 0x00]) => frame.get(36..38) == Some(&[0xca, 0x6c]),
            Some([0x86, 0xdd]) => frame.get(56..58) == Some(&[0xca, 0x6c]),
            _ => false,
        };
        let pods: [&[u8]; 2] = [&[10, 244], &[0xfd, 0x00, 0x00, 0x10]];
        let has = |of: &&[u8]| frame.windows(of.len()).any(|it| it == *of);
        if is_encrypted {
            self.encrypted.fetch_add(1, Ordering::Relaxed);
        } else if pods.iter().any(has) {
            self.clear.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Eye {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
