//! Runs a program: for a bounded time, taking a bounded part of what it says, and ending it with all that it has begun.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
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
/// How long what is killed may take to be gone. What waits for a disk in the kernel is gone when that is done, and does nothing more of its own.
const ENDING: Duration = Duration::from_secs(2);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a program has said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) said: Vec<u8>,
    pub(super) complained: Vec<u8>,
}

/// Runs it to its end. One that takes longer than `patience`, or whose future is dropped, is killed with all that it has begun; the error of the
/// former comes when all of it is gone.
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
    let ended = {
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
        tokio::time::timeout(patience, ended).await
    };
    let Ok(status) = ended else {
        // Whose turn is next does not work beside it.
        let gone = async {
            group.kill();
            let _ = child.wait().await;
            group.gone().await;
        };
        let _ = tokio::time::timeout(ENDING, gone).await;
        return Err(io::Error::other(format!("no answer after {patience:.0?}")));
    };
    let status = status?;
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

    fn kill(&self) {
        if let Some(leader) = self.0 {
            // They may be gone.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }

    /// Waits until none is left of those that were killed. Their leader has been waited for: its number is theirs for as long as one is there, and
    /// nobody is to be killed by it any more.
    async fn gone(&mut self) {
        if let Some(leader) = self.0.take() {
            while killpg(leader, None) != Err(Errno::ESRCH) {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// It has ended by itself: what it has left is meant to stay.
    fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
