//! Requests to generic netlink, by which the kernel's devices are configured: for the thread that may block on it.

use std::fmt::Debug;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_packet_wireguard::WireguardMessage;
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::TimeVal;
use rtnetlink::packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
    ParseableParametrized,
};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

use crate::netlink::{DUMPS, INTERRUPTED};

/// An answer is there when the request has been sent; this only ends a wait for one that was lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A socket that stays in the network namespace it was opened in.
pub(super) struct Generic {
    socket: Socket,
    sequence: u32,
    /// WireGuard's number, which the kernel gives when the module comes.
    family: u16,
}

impl Generic {
    /// Opens a socket in the network namespace of the calling thread, to a kernel that has WireGuard.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let timeout = TimeVal::new(ANSWER_TIMEOUT.as_secs() as i64, 0);
        setsockopt(&socket.as_fd(), ReceiveTimeout, &timeout)?;
        let mut generic = Self {
            socket,
            sequence: 0,
            family: 0,
        };
        generic.family = generic.resolve(WireguardMessage::family_name())?;
        Ok(generic)
    }

    /// The number that the kernel has given a family.
    fn resolve(&mut self, family: &str) -> io::Result<u16> {
        let asked = GenlCtrl {
            cmd: GenlCtrlCmd::GetFamily,
            nlas: vec![GenlCtrlAttrs::FamilyName(family.to_owned())],
        };
        let answers = self.ask(GenlMessage::from_payload(asked), NLM_F_ACK)?.0;
        let number = |attribute: &GenlCtrlAttrs| match attribute {
            GenlCtrlAttrs::FamilyId(number) => Some(*number),
            _ => None,
        };
        let mut all = answers.iter().flat_map(|answer| &answer.nlas);
        all.find_map(number)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What a device tells of itself, in as many messages as it takes.
    pub(super) fn get(&mut self, message: WireguardMessage) -> io::Result<Vec<WireguardMessage>> {
        let message = self.of_wireguard(message);
        for _ in 0..DUMPS {
            let (answers, is_whole) = self.ask(message.clone(), NLM_F_DUMP)?;
            if is_whole {
                return Ok(answers);
            }
        }
        Err(io::Error::other(
            "a device of WireGuard changed each time that it was read",
        ))
    }

    /// Tells a device something.
    pub(super) fn set(&mut self, message: WireguardMessage) -> io::Result<()> {
        let message = self.of_wireguard(message);
        self.ask(message, NLM_F_ACK).map(drop)
    }

    fn of_wireguard(&self, message: WireguardMessage) -> GenlMessage<WireguardMessage> {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(self.family);
        message
    }

    /// Sends the message, and reads until the kernel says that that was all; and whether nothing has changed in between.
    fn ask<T>(&mut self, message: GenlMessage<T>, flags: u16) -> io::Result<(Vec<T>, bool)>
    where
        T: GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader> + Clone + Debug,
    {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let (mut answers, mut is_whole) = (Vec::new(), true);
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<GenlMessage<T>>::deserialize(rest);
                let message = message.map_err(io::Error::other)?;
                let length = (message.header.length as usize)
                    .next_multiple_of(4)
                    .clamp(1, rest.len());
                rest = &rest[length..];
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                is_whole &= message.header.flags & INTERRUPTED == 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner.into_parts().1),
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(done.code.saturating_neg()));
                    }
                    NetlinkPayload::Done(_) => return Ok((answers, is_whole)),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            None => Ok((answers, is_whole)),
                            Some(_) => Err(error.to_io()),
                        };
                    }
                    _ => {}
                }
            }
        }
    }
}
