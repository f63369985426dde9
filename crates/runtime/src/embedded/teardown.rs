//! Leaving nothing behind.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};

use super::Options;
use super::sandbox::absent;
use crate::cgroup::Cgroup;
use crate::cri::{Error, Result};
use crate::images::Images;
use crate::shim::{Envelope, Request, SOCKET, encode};

/// How long a shim may take to end what it runs.
const END: Duration = Duration::from_secs(10);

/// Stops all sandboxes and containers: no process of the runtime's is left. Their network namespaces stay until [`remove_everything`], so
/// that others can take away in them what they have made. No [`super::Embedded`] may be open. Idempotent.
///
/// # Errors
/// Where something cannot be stopped.
pub async fn end_everything(options: &Options) -> Result<()> {
    let options = options.clone();
    blocking(move || end(&options).map_err(|error| Error::host("stop containers", error))).await
}

/// Removes what the runtime made on the host: processes, mounts, namespaces, control groups, files (not images, nor logs, which are the
/// node's). For `navarch down`; no [`super::Embedded`] may be open. Idempotent.
///
/// # Errors
/// Where something cannot be removed.
pub async fn remove_everything(options: Options, images: Images) -> Result<()> {
    let everything = move || {
        remove(&options).map_err(|error| Error::host("remove what the runtime made", error))?;
        images
            .prepared()
            .iter()
            .try_for_each(|container| images.release(container))
    };
    blocking(everything).await
}

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::host("a runtime task", error))?
}

fn end(options: &Options) -> io::Result<()> {
    let shims = options.run.join("sandboxes");
    if let Ok(entries) = std::fs::read_dir(&shims) {
        for entry in entries.flatten() {
            shut_down(&entry.path())?;
        }
    }
    // Whatever did not end when it was told to, shims too.
    Cgroup::new(options.hierarchy()?, Path::new(&options.cgroup))?.remove()
}

fn remove(options: &Options) -> io::Result<()> {
    end(options)?;
    for base in [&options.run, &options.data] {
        for mount in mounts_below(base)?.iter().rev() {
            umount2(mount, MntFlags::MNT_DETACH)?;
        }
    }
    absent(std::fs::remove_dir_all(&options.run))?;
    absent(std::fs::remove_dir_all(options.data.join("sandboxes")))?;
    absent(std::fs::remove_dir_all(options.data.join("containers")))
}

/// Ends the shim in a directory, if one lives, and removes the directory.
pub(super) fn end_shim(directory: &Path) -> io::Result<()> {
    shut_down(directory)?;
    crate::sandbox::unpin(directory)?;
    absent(std::fs::remove_dir_all(directory))
}

/// Ends the shim in a directory, if one lives, with all that it runs.
fn shut_down(directory: &Path) -> io::Result<()> {
    if let Ok(opened) = std::fs::File::open(directory)
        && let Ok(mut stream) =
            UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd()))
    {
        stream.set_read_timeout(Some(END))?;
        let frame = encode(&Envelope {
            id: 0,
            descriptors: 0,
            request: Request::Shutdown,
        })?;
        // It closes the connection when all is over. If it hangs, killing its cgroup is left.
        let _ = stream
            .write_all(&frame)
            .and_then(|()| read_to_end(&mut stream));
    }
    Ok(())
}

/// Reads what nobody needs until the other side closes.
fn read_to_end(stream: &mut UnixStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

/// The mounts at and below a directory, in the order they were made.
fn mounts_below(base: &Path) -> io::Result<Vec<PathBuf>> {
    let Ok(base) = base.canonicalize() else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string("/proc/self/mountinfo")?;
    let points = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(unescape(point)));
    Ok(points.filter(|point| point.starts_with(&base)).collect())
}

/// Undoes the escapes (`\040` for a space) of mountinfo.
fn unescape(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let code = bytes.by_ref().take(3).fold(0u8, |code, digit| {
            code.wrapping_mul(8).wrapping_add(digit.wrapping_sub(b'0'))
        });
        plain.push(code);
    }
    String::from_utf8_lossy(&plain).into_owned()
}
