//! Requests to the kernel's routing netlink, a batch in one message. The kernel carries a batch out while it is being sent, so
//! this is for the thread that may block on it; `rtnetlink` builds the messages.

use std::{collections::HashMap, io, os::fd::AsFd, time::Duration};

use nix::sys::{
    socket::{setsockopt, sockopt::ReceiveTimeout},
    time::TimeVal,
};
use rtnetlink::{
    packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        address::AddressMessage,
        link::LinkMessage,
        neighbour::{NeighbourAttribute, NeighbourMessage},
        route::RouteMessage,
    },
    sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE},
};

#[cfg(test)]
mod tests;

/// An acknowledgement is there when the request has been sent; this only ends a wait for one that was lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How many requests are sent before their answers are read: those wait in a buffer of 208 KiB unless the host has another, some 280 of them,
/// and what does not fit is lost.
const PIECE: usize = 100;
/// How often a list is asked for anew that something has changed beneath.
pub(crate) const DUMPS: usize = 10;
/// What the kernel says of such a list (`NLM_F_DUMP_INTR`).
pub(crate) const INTERRUPTED: u16 = 0x10;

/// A request and its flags beyond those that every request has.
pub(crate) type Request = (RouteNetlinkMessage, u16);

/// The kernel's answer to one request: what it returned, if anything.
pub(crate) type Answer = io::Result<Option<RouteNetlinkMessage>>;

/// A socket that stays in the network namespace it was opened in.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the network namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let timeout = TimeVal::new(ANSWER_TIMEOUT.as_secs() as i64, 0);
        setsockopt(&socket.as_fd(), ReceiveTimeout, &timeout)?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Sends all requests, many at once, and returns their answers in the same order. One that fails does not stop the ones behind it.
    /// An error here says nothing about which were carried out.
    pub(crate) fn batch(&mut self, requests: Vec<Request>) -> io::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(requests.len());
        let mut rest = requests.into_iter();
        while rest.len() > 0 {
            answers.extend(self.piece(rest.by_ref().take(PIECE).collect())?);
        }
        Ok(answers)
    }

    /// Sends these at once, of which there are few enough.
    fn piece(&mut self, requests: Vec<Request>) -> io::Result<Vec<Answer>> {
        let first = self.sequence.wrapping_add(1);
        let count = requests.len();
        let mut bytes = Vec::new();
        for (message, flags) in requests {
            self.append(&mut bytes, message, flags | NLM_F_ACK);
        }
        self.socket.send(&bytes, 0)?;
        let mut returned = HashMap::new();
        let mut answers: Vec<Option<Answer>> = (0..count).map(|_| None).collect();
        let mut open = count;
        while open > 0 {
            for message in self.receive()? {
                let place = message.header.sequence_number.wrapping_sub(first) as usize;
                let Some(answer) = answers.get_mut(place).filter(|a| a.is_none()) else {
                    continue;
                };
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => {
                        returned.insert(place, inner);
                    }
                    NetlinkPayload::Error(error) => {
                        *answer = Some(match error.code {
                            None => Ok(returned.remove(&place)),
                            Some(_) => Err(error.to_io()),
                        });
                        open -= 1;
                    }
                    _ => {}
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// One request and its answer.
    pub(crate) fn one(&mut self, message: RouteNetlinkMessage, flags: u16) -> Answer {
        self.batch(vec![(message, flags)])?
            .pop()
            .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// The interface that the request describes by name or index; `None` if there is none.
    pub(crate) fn link(&mut self, wanted: LinkMessage) -> io::Result<Option<LinkMessage>> {
        match self.one(RouteNetlinkMessage::GetLink(wanted), 0) {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(link)),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every interface of the namespace.
    pub(crate) fn links(&mut self) -> io::Result<Vec<LinkMessage>> {
        let all = self.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        let link = |message| match message {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        };
        Ok(all.into_iter().filter_map(link).collect())
    }

    /// Every address of the namespace, of all interfaces.
    pub(crate) fn addresses(&mut self) -> io::Result<Vec<AddressMessage>> {
        let all = self.dump(&RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
        let address = |message| match message {
            RouteNetlinkMessage::NewAddress(address) => Some(address),
            _ => None,
        };
        Ok(all.into_iter().filter_map(address).collect())
    }

    /// The routes that are as the filter says, where the kernel can filter; all of that family otherwise.
    pub(crate) fn routes(&mut self, filter: RouteMessage) -> io::Result<Vec<RouteMessage>> {
        let all = self.dump(&RouteNetlinkMessage::GetRoute(filter))?;
        let route = |message| match message {
            RouteNetlinkMessage::NewRoute(route) => Some(route),
            _ => None,
        };
        Ok(all.into_iter().filter_map(route).collect())
    }

    /// Neighbours of a family or, of the family of bridges, forwarding databases: of that interface where the kernel can filter.
    pub(crate) fn neighbours(
        &mut self,
        family: AddressFamily,
        interface: u32,
    ) -> io::Result<Vec<NeighbourMessage>> {
        let mut filter = NeighbourMessage::default();
        filter.header.family = family;
        match family {
            AddressFamily::Bridge => filter.header.ifindex = interface,
            _ => filter
                .attributes
                .push(NeighbourAttribute::IfIndex(interface)),
        }
        let all = self.dump(&RouteNetlinkMessage::GetNeighbour(filter))?;
        let neighbour = |message| match message {
            RouteNetlinkMessage::NewNeighbour(neighbour) => Some(neighbour),
            _ => None,
        };
        Ok(all.into_iter().filter_map(neighbour).collect())
    }

    /// Has the kernel look at what a list is asked for of, where it can (since 4.20): hosts may have very many routes of others.
    pub(crate) fn filter_dumps(&self) {
        // Without it lists are longer, and nothing else.
        let _ = self.socket.set_netlink_get_strict_chk(true);
    }

    fn dump(&mut self, request: &RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..DUMPS {
            if let Some(whole) = self.dump_once(request.clone())? {
                return Ok(whole);
            }
        }
        Err(io::Error::other(
            "a list of the kernel's changed each time that it was read",
        ))
    }

    /// `None` where something changed in between, so that what is there may not be in the list.
    fn dump_once(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> io::Result<Option<Vec<RouteNetlinkMessage>>> {
        let mut bytes = Vec::new();
        self.append(&mut bytes, request, NLM_F_DUMP);
        self.socket.send(&bytes, 0)?;
        let (mut dumped, mut is_whole) = (Vec::new(), true);
        loop {
            for message in self.receive()? {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                is_whole &= message.header.flags & INTERRUPTED == 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => dumped.push(inner),
                    NetlinkPayload::Done(_) => return Ok(is_whole.then_some(dumped)),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    _ => {}
                }
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = bytes.len();
        // Each message of a batch begins at a multiple of four (NLMSG_ALIGN).
        bytes.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut bytes[start..]);
    }

    fn receive(&mut self) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let (bytes, _) = self.socket.recv_from_full()?;
        let mut rest = bytes.as_slice();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let message = NetlinkMessage::deserialize(rest).map_err(io::Error::other)?;
            let length = (message.header.length as usize)
                .next_multiple_of(4)
                .clamp(1, rest.len());
            messages.push(message);
            rest = &rest[length..];
        }
        Ok(messages)
    }
}

/// Whether the kernel says that there is no such interface or entry.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::ENODEV | nix::libc::ENOENT | nix::libc::ESRCH)
    )
}

/// Whether the kernel says that it is there already.
pub(crate) fn is_present(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EEXIST)
}
