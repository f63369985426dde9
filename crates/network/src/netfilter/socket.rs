//! The socket: batches that are carried out whole or not at all, and dumps.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::attributes;
use super::watch::Watch;
use nix::sys::{
    socket::{setsockopt, sockopt},
    time::TimeVal,
};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

/// The kernel answers while a request is being sent; this only ends a wait for an answer that was lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest batch: some millions of elements.
const SEND_BUFFER: usize = 256 << 20;
/// What a dump may be ahead of us.
const RECEIVE_BUFFER: usize = 4 << 20;

/// `NFNL_SUBSYS_CTNETLINK` and `NFNL_SUBSYS_NFTABLES`, in the upper half of a message's type.
pub(super) const CONNTRACK: u16 = 1 << 8;
pub(super) const NFTABLES: u16 = 10 << 8;
/// `NFT_MSG_GETGEN`, and `NFTA_GEN_ID` of its answer.
const GENERATION: u16 = NFTABLES | 16;
const GENERATION_ID: u16 = 1;
/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_DUMP`, `NLM_F_CREATE` and `NLM_F_APPEND`.
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;
/// The length of a message's own header, and of netfilter's behind it.
const HEADER: usize = 16;
pub(super) const FAMILY_HEADER: usize = 4;
/// `NLM_F_DUMP_INTR`: something changed in between, so that what is there may not be in the list.
const INTERRUPTED: u16 = 16;
/// How often a list is read that changes meanwhile; then what was read last must do.
const DUMPS: usize = 5;

/// What is asked of the kernel.
#[derive(Debug)]
pub(super) struct Message {
    /// Subsystem and what it is to do.
    pub(super) kind: u16,
    /// Beside those that every request has.
    pub(super) flags: u16,
    /// `NFPROTO_*`.
    pub(super) family: u8,
    pub(super) attributes: Vec<u8>,
}

/// A socket that stays in the network namespace it was opened in.
pub(crate) struct Netfilter {
    socket: Socket,
    /// By which the kernel tells its sockets apart.
    port: u32,
    sequence: u32,
}

impl Netfilter {
    /// Opens a socket in the network namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        let port = socket.bind_auto()?.port_number();
        socket.connect(&SocketAddr::new(0, 0))?;
        let timeout = TimeVal::new(ANSWER_TIMEOUT.as_secs() as i64, 0);
        setsockopt(&socket.as_fd(), sockopt::ReceiveTimeout, &timeout)?;
        // Who is root in a user namespace alone gets as much as the host lets everybody have.
        let fd = socket.as_fd();
        setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER)
            .or_else(|_| setsockopt(&fd, sockopt::SndBuf, &SEND_BUFFER))?;
        setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&fd, sockopt::RcvBuf, &RECEIVE_BUFFER))?;
        Ok(Self {
            socket,
            port,
            sequence: 0,
        })
    }

    /// Listens for what others change of tables of these names.
    pub(crate) fn watch(
        &self,
        is_ours: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> io::Result<Watch> {
        Watch::open(self.port, is_ours)
    }

    /// Carries out all messages in one transaction of nftables, or none of them.
    pub(super) fn transaction(&mut self, messages: &[Message]) -> io::Result<()> {
        let Some((last, others)) = messages.split_last() else {
            return Ok(());
        };
        let bracket = |kind| Message {
            kind,
            flags: 0,
            family: 0,
            attributes: Vec::new(),
        };
        let mut bytes = Vec::new();
        self.append(&mut bytes, &bracket(BATCH_BEGIN), 0);
        for message in others {
            self.append(&mut bytes, message, 0);
        }
        // The last is acknowledged when all of them are committed; of the others only failures are told.
        let awaited = self.append(&mut bytes, last, ACK);
        self.append(&mut bytes, &bracket(BATCH_END), 0);
        let first = awaited.wrapping_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX));
        self.socket.send(&bytes, 0)?;
        let mut failed = None;
        loop {
            let received = self.receive()?;
            for answer in received.iter().filter(|answer| answer.kind == ERROR) {
                if answer.sequence.wrapping_sub(first) > awaited.wrapping_sub(first) {
                    continue;
                }
                if let Err(error) = answer.result() {
                    failed.get_or_insert(error);
                }
                // A transaction that fails as a whole is told of its first message.
                if answer.sequence == awaited || (answer.sequence == first && failed.is_some()) {
                    return failed.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Carries out one message on its own.
    pub(super) fn one(&mut self, message: &Message) -> io::Result<()> {
        self.ask(message, |_| {})
    }

    /// Has `look` see the attributes of what the kernel answers to one message.
    fn ask(&mut self, message: &Message, mut look: impl FnMut(&[u8])) -> io::Result<()> {
        let mut bytes = Vec::new();
        let awaited = self.append(&mut bytes, message, ACK);
        self.socket.send(&bytes, 0)?;
        loop {
            let received = self.receive()?;
            for answer in received.iter().filter(|a| a.sequence == awaited) {
                match answer.kind {
                    ERROR => return answer.result(),
                    _ => look(answer.payload.get(FAMILY_HEADER..).unwrap_or_default()),
                }
            }
        }
    }

    /// The number of the ruleset: of each transaction that changes it, whoever's, it becomes the next.
    pub(super) fn generation(&mut self) -> io::Result<u32> {
        let message = Message {
            kind: GENERATION,
            flags: 0,
            family: 0,
            attributes: Vec::new(),
        };
        let mut generation = None;
        self.ask(&message, |said| {
            let id = attributes::by_kind(said).get(&GENERATION_ID).copied();
            generation = id.and_then(|id| Some(u32::from_be_bytes(*id.first_chunk()?)));
        })?;
        generation.ok_or_else(|| io::Error::other("the ruleset has no number"))
    }

    /// Has `look` see the attributes of everything that the message asks for.
    pub(super) fn dump(
        &mut self,
        message: &Message,
        mut look: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.dump_once(message, |attributes| look(attributes))
            .map(drop)
    }

    /// The same, where it matters that all of it is of one moment.
    pub(super) fn dump_whole(
        &mut self,
        message: &Message,
        mut look: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut dumped: Vec<Vec<u8>> = Vec::new();
        for _ in 0..DUMPS {
            dumped.clear();
            if self.dump_once(message, |attributes| dumped.push(attributes.to_vec()))? {
                break;
            }
        }
        dumped.iter().for_each(|attributes| look(attributes));
        Ok(())
    }

    /// Says whether it was all of one moment.
    fn dump_once(&mut self, message: &Message, mut look: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut bytes = Vec::new();
        let awaited = self.append(&mut bytes, message, DUMP);
        self.socket.send(&bytes, 0)?;
        let mut is_whole = true;
        loop {
            let received = self.receive()?;
            for answer in received.iter().filter(|a| a.sequence == awaited) {
                is_whole &= answer.flags & INTERRUPTED == 0;
                match answer.kind {
                    ERROR | DONE => return answer.result().map(|()| is_whole),
                    _ => look(answer.payload.get(FAMILY_HEADER..).unwrap_or_default()),
                }
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: &Message, flags: u16) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let length = HEADER + FAMILY_HEADER + message.attributes.len();
        bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        bytes.extend_from_slice(&message.kind.to_ne_bytes());
        bytes.extend_from_slice(&(REQUEST | flags | message.flags).to_ne_bytes());
        bytes.extend_from_slice(&self.sequence.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        // Which subsystem a batch is for is said where other messages have nothing.
        let resource = match message.kind {
            BATCH_BEGIN | BATCH_END => NFTABLES >> 8,
            _ => 0,
        };
        bytes.extend_from_slice(&[message.family, 0]);
        bytes.extend_from_slice(&resource.to_be_bytes());
        bytes.extend_from_slice(&message.attributes);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.sequence
    }

    fn receive(&mut self) -> io::Result<Vec<Answer>> {
        let (bytes, _) = self.socket.recv_from_full()?;
        Ok(answers(&bytes))
    }
}

/// What the kernel says.
pub(super) struct Answer {
    pub(super) kind: u16,
    flags: u16,
    sequence: u32,
    /// Of the socket by which it was asked.
    pub(super) port: u32,
    pub(super) payload: Vec<u8>,
}

impl Answer {
    /// Of an acknowledgement or the end of a dump: a negative number is an error's.
    fn result(&self) -> io::Result<()> {
        let code = self
            .payload
            .first_chunk()
            .map_or(0, |code| i32::from_ne_bytes(*code));
        match code {
            0.. => Ok(()),
            code => Err(io::Error::from_raw_os_error(-code)),
        }
    }
}

pub(super) fn answers(bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while let Some((header, _)) = rest.split_at_checked(HEADER) {
        let word = |at: usize| {
            header[at..]
                .first_chunk()
                .map_or(0, |w| u32::from_ne_bytes(*w))
        };
        let half = |at: usize| {
            header[at..]
                .first_chunk()
                .map_or(0, |h| u16::from_ne_bytes(*h))
        };
        let length = word(0) as usize;
        let Some(payload) = rest.get(HEADER..length) else {
            break;
        };
        answers.push(Answer {
            kind: half(4),
            flags: half(6),
            sequence: word(8),
            port: word(12),
            payload: payload.to_vec(),
        });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    answers
}
