//! Tells when somebody else changes tables of ours: the kernel says of each change of nftables by which socket it was asked for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rtnetlink::sys::Socket;
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use tokio::sync::Notify;

use super::attributes;
use super::socket::{self, FAMILY_HEADER, NFTABLES};
use crate::ear::{self, Ear};
use crate::task::Task;

/// `NFNLGRP_NFTABLES`, as a bit.
const GROUP: u32 = 1 << (7 - 1);
/// `NFT_MSG_NEWGEN`: the end of a transaction, which says nothing of tables.
const END: u16 = NFTABLES | 15;
/// Of all that is told of, the first attribute is the name of its table.
const TABLE: u16 = 1;
/// What is told at a time fits: the kernel's limit is as much.
const MOST: usize = 64 << 10;

/// Who changes much at once does so in more than one transaction. Also the least between two comparisons that somebody makes us do.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// What listens, until it is followed.
pub(crate) struct Watch {
    socket: Socket,
    /// By which socket we change our tables.
    own: u32,
    is_ours: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Watch {
    /// In the network namespace of the calling thread. `own`: the port of the socket by which we change our tables. What `nft` changes for us
    /// is told of as well.
    pub(super) fn open(
        own: u32,
        is_ours: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: ear::open(NETLINK_NETFILTER, GROUP)?,
            own,
            is_ours: Box::new(is_ours),
        })
    }

    /// Rings when a table of ours, or what is in it, was changed by others, until what is returned is dropped. Also where something was
    /// missed. To be called where tokio runs.
    pub(crate) fn follow(self, rung: Arc<Notify>) -> io::Result<Task> {
        let ear = Ear::new(self.socket)?;
        let (own, is_ours) = (self.own, self.is_ours);
        Ok(Task::spawn(async move {
            let read = |socket: &Socket| {
                let mut told = Vec::with_capacity(MOST);
                socket.recv(&mut told, 0).map(|_| told)
            };
            while let Ok(told) = ear.hear(read).await {
                if told.is_none_or(|told| concerns(&told, own, &*is_ours)) {
                    rung.notify_one();
                }
            }
        }))
    }
}

fn concerns(told: &[u8], own: u32, is_ours: &dyn Fn(&str) -> bool) -> bool {
    socket::answers(told).iter().any(|change| {
        let attributes = change.payload.get(FAMILY_HEADER..).unwrap_or_default();
        let table = attributes::each(attributes).find(|(kind, _)| *kind == TABLE);
        let name = table.and_then(|(_, name)| std::str::from_utf8(name.strip_suffix(&[0])?).ok());
        let is_of_tables = change.kind & 0xff00 == NFTABLES && change.kind != END;
        is_of_tables && change.port != own && name.is_some_and(is_ours)
    })
}
