//! Waits for more of a log, over rotations, until its container has ended.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use navarch_runtime::cri::{ContainerState, EventStream, Runtime};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;

use super::{ReadError, Writer, copy};

/// Tells when a container has ended.
pub(crate) struct Watch {
    runtime: Arc<dyn Runtime>,
    container_id: String,
    events: EventStream,
}

impl Watch {
    pub(crate) fn new(runtime: Arc<dyn Runtime>, container_id: String) -> Self {
        // From before the first look, so that no end is missed.
        let events = runtime.events();
        Self {
            runtime,
            container_id,
            events,
        }
    }
}

async fn runs(runtime: &dyn Runtime, container_id: &str) -> bool {
    let found = runtime.container(container_id).await;
    found.is_ok_and(|c| matches!(c.state, ContainerState::Running | ContainerState::Created))
}

/// Copies what comes. `open`: the file as far as it was read.
pub(super) async fn follow(
    log: &Path,
    mut open: Option<BufReader<File>>,
    mut watch: Watch,
    writer: &mut Writer,
) -> Result<(), ReadError> {
    let mut changes = changes(log)?;
    // What changed does not matter: the file tells.
    let mut notices = [0; 4096];
    loop {
        // Asked before the file is read: what was written before the end is then read after it.
        let running = runs(&*watch.runtime, &watch.container_id).await;
        catch_up(log, &mut open, writer).await?;
        writer.flush().await?;
        if !running {
            return Ok(());
        }
        tokio::select! {
            changed = changes.read(&mut notices) => drop(changed?),
            event = watch.events.next() => if event.is_none() { return Ok(()) },
            () = writer.out.closed() => return Ok(()),
        }
    }
}

/// Tells of changes in the log's directory. An inotify descriptor is read like a pipe.
fn changes(log: &Path) -> std::io::Result<Receiver> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let directory = log.parent().unwrap_or(log);
    let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    inotify.add_watch(directory, flags)?;
    Receiver::from_owned_fd_unchecked(inotify.into())
}

async fn catch_up(
    log: &Path,
    open: &mut Option<BufReader<File>>,
    writer: &mut Writer,
) -> Result<(), ReadError> {
    loop {
        let present = tokio::fs::metadata(log)
            .await
            .ok()
            .map(|m| (m.dev(), m.ino()));
        if let Some(reader) = open {
            // A rotated file is whole once a new one stands in its place.
            copy(reader, writer).await?;
            let metadata = reader.get_ref().metadata().await?;
            if present.is_none() || present == Some((metadata.dev(), metadata.ino())) {
                return Ok(());
            }
        }
        match File::open(log).await {
            Ok(file) => *open = Some(BufReader::new(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
