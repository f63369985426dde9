//! Removes interfaces many at a time, off the network's thread. To unregister an interface the kernel waits for its readers, some
//! 20 ms; it waits once for all that go in one request, and a request can name only a group of them.

use std::io;

use rtnetlink::{
    LinkUnspec,
    packet_route::{RouteNetlinkMessage, link::LinkAttribute, link::LinkMessage},
};
use tokio::sync::mpsc;

use crate::netlink::{Netlink, is_absent};
use crate::shaping;

/// The most that go in one request, and that wait for the next.
pub(crate) const BATCH: usize = 64;

/// The number that marks an interface as about to go. Of this program only, so that no other's interface has it.
const DOOMED: u32 = 0x6e76_6465;

/// An interface to remove and whom to tell.
pub(crate) struct Departure {
    pub(crate) host_name: String,
    pub(crate) gone: Box<dyn FnOnce(io::Result<()>) + Send>,
}

/// The remover's life: all that wait go together, until nobody can send any more.
pub(crate) fn serve(mut host: Netlink, mut queue: mpsc::Receiver<Departure>) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = queue.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        let names: Vec<&str> = batch
            .iter()
            .map(|departure| departure.host_name.as_str())
            .collect();
        // What each has sent by, if it had one.
        let devices: Vec<String> = names
            .iter()
            .map(|name| shaping::device_name(name))
            .collect();
        let devices = devices.iter().map(String::as_str);
        let all: Vec<&str> = names.iter().copied().chain(devices).collect();
        let mut results = remove(&mut host, &all);
        let of_devices = results.split_off(batch.len());
        for ((departure, end), device) in batch.drain(..).zip(results).zip(of_devices) {
            (departure.gone)(end.and(device));
        }
    }
}

/// Removes the pairs, both ends of each, by the names of the host's; one that is not there is gone already. One result a name.
pub(crate) fn remove(host: &mut Netlink, names: &[&str]) -> Vec<io::Result<()>> {
    match try_remove(host, names) {
        Ok(results) => results,
        Err(error) => names.iter().map(|_| Err(again(&error))).collect(),
    }
}

fn try_remove(host: &mut Netlink, names: &[&str]) -> io::Result<Vec<io::Result<()>>> {
    let doom = |name: &&str| {
        (
            RouteNetlinkMessage::SetLink(
                LinkUnspec::new_with_name(name).link_group(DOOMED).build(),
            ),
            0,
        )
    };
    let marked = host.batch(names.iter().map(doom).collect())?;
    if marked.iter().any(Result::is_ok) {
        let mut group = LinkMessage::default();
        group.attributes.push(LinkAttribute::Group(DOOMED));
        match host.one(RouteNetlinkMessage::DelLink(group), 0) {
            Err(error) if !is_absent(&error) => return Err(error),
            _ => {}
        }
    }
    let result = |answer: io::Result<_>| match answer {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    };
    Ok(marked.into_iter().map(result).collect())
}

/// The same error for each of many.
pub(crate) fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
