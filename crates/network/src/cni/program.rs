//! Runs a program: for a bounded time, taking a bounded part of what it says, and ending it with all that it has begun.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};

/// Of an answer: far more than any has.
const MAX_ANSWER: usize = 1 << 20;
/// Of what a program complains of, for people.
const MAX_COMPLAINT: usize = 16 << 10;
/// How long what a program has said may take to arrive once it has ended. Who holds its output then is somebody else, who stays.
const GRACE: Duration = Duration::from_millis(500);

/// What a program has said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) said: Vec<u8>,
    pub(super) complained: Vec<u8>,
}

/// Runs it to its end. One that takes longer than `patience`, or whose future is dropped, is killed with all that it has begun.
pub(super) async fn run(
    mut command: Command,
    input: Vec<u8>,
    patience: Duration,
) -> io::Result<Ended> {
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.process_group(0).kill_on_drop(true).spawn()?;
    let mut group = Group::of(child.id());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let status = {
        // Side by side: it may say much before it has heard all.
        let talk = async {
            tokio::join!(
                tell(stdin, &input),
                keep(stdout, &mut said, MAX_ANSWER),
                keep(stderr, &mut complained, MAX_COMPLAINT)
            );
        };
        tokio::pin!(talk);
        let ended = async {
            tokio::select! {
                status = child.wait() => {
                    let _ = tokio::time::timeout(GRACE, &mut talk).await;
                    status
                }
                () = &mut talk => child.wait().await,
            }
        };
        let ended = tokio::time::timeout(patience, ended).await;
        ended.map_err(|_| io::Error::other(format!("no answer after {patience:?}")))??
    };
    group.leave();
    Ok(Ended {
        status,
        said,
        complained,
    })
}

async fn tell(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // One that does not read its input says soon enough what is wrong with it.
        let _ = stdin.write_all(input).await;
    }
}

/// Reads to the end; what is beyond the limit is read and forgotten, so that nobody waits for room.
async fn keep(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, limit: usize) {
    let Some(mut from) = from else {
        return;
    };
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let room = limit.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(&buffer[..room]);
    }
}

/// The processes of a program, as long as it has not been waited for: until then nobody else has its number.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        let leader = leader.and_then(|id| i32::try_from(id).ok());
        Self(leader.map(Pid::from_raw))
    }

    /// It has ended by itself: what it has left is meant to stay.
    fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // They may be gone.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}
