//! Further processes in containers.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nix::libc;
use tokio::sync::{mpsc, oneshot};

use super::Embedded;
use super::client::ShimClient;
use super::pipes::{QUEUE, Stream, from_process, pump_in, pump_out, to_process};
use super::records::new_id;
use crate::cri::{
    ContainerState, Error, ExecOutput, ExecRequest, ExecStreams, Result, TerminalSize,
};
use crate::shim::{ExecRequest as ShimExec, Failure, Outcome, Request};

/// How long output is waited for after the process has ended: something it started may hold its streams open for ever.
const DRAIN: Duration = Duration::from_secs(2);
/// Bytes of each stream that `exec_sync` keeps.
const MAX_OUTPUT: usize = 16 * 1024;
/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(10);

/// A process that runs.
struct Running {
    shim: Arc<ShimClient>,
    exec_id: String,
    code: oneshot::Receiver<i32>,
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    terminal: Option<Stream>,
}

impl Embedded {
    /// Starts the process.
    async fn add_process(&self, id: &str, request: &ExecRequest) -> Result<Running> {
        let container = self.find_container(id)?;
        if container.state() != ContainerState::Running {
            return Err(Error::State(format!("container {id} is not running")));
        }
        let shim = self.shim_of(&container.sandbox_id)?;
        let failed = |error: std::io::Error| Error::host("make the streams of exec", error);
        let exec_id = new_id().map_err(failed)?;
        let mut theirs: Vec<OwnedFd> = Vec::new();
        let mut pipe = |wanted: bool, make: fn() -> std::io::Result<(Stream, OwnedFd)>| {
            if !wanted || request.tty {
                return Ok(None);
            }
            let (ours, their) = make().map_err(failed)?;
            theirs.push(their);
            Ok(Some(ours))
        };
        let (stdin, stdout, stderr) = (
            pipe(request.stdin, to_process)?,
            pipe(request.stdout, from_process)?,
            pipe(request.stderr, from_process)?,
        );
        let asked = ShimExec {
            exec_id: exec_id.clone(),
            container_id: id.to_owned(),
            command: request.command.clone(),
            terminal: request.tty,
            stdin: request.stdin,
            stdout: request.stdout,
            stderr: request.stderr,
        };
        let code = shim.expect_exec(&exec_id);
        let answer = shim.call(Request::Exec(Box::new(asked)), &theirs).await;
        drop(theirs);
        let terminal = match answer {
            Ok(Ok((Outcome::Started { .. }, terminal))) => terminal,
            other => {
                shim.forget_exec(&exec_id);
                return Err(match other {
                    Ok(Err(failure)) => refused(&failure),
                    Ok(Ok(_)) => Error::State("the shim answered something else".to_owned()),
                    Err(error) => error,
                });
            }
        };
        let terminal = terminal.map(Stream::new).transpose().map_err(failed)?;
        Ok(Running {
            shim,
            exec_id,
            code,
            stdin,
            stdout,
            stderr,
            terminal,
        })
    }

    pub(super) async fn exec_with_streams(
        &self,
        id: &str,
        request: &ExecRequest,
    ) -> Result<ExecStreams> {
        let running = self.add_process(id, request).await?;
        Ok(if running.terminal.is_some() {
            with_terminal(running, request)
        } else {
            with_pipes(running)
        })
    }

    pub(super) async fn exec_to_end(
        &self,
        id: &str,
        command: Vec<String>,
        timeout: Duration,
    ) -> Result<ExecOutput> {
        let request = ExecRequest {
            command,
            stdout: true,
            stderr: true,
            ..ExecRequest::default()
        };
        let start = tokio::time::Instant::now();
        let mut running = self.add_process(id, &request).await?;
        let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
        let output = tokio::spawn(async move { tokio::join!(collect(stdout), collect(stderr)) });
        let code = if timeout.is_zero() {
            (&mut running.code).await.map_err(|_| lost())
        } else {
            match tokio::time::timeout_at(start + timeout, &mut running.code).await {
                Ok(code) => code.map_err(|_| lost()),
                Err(_) => {
                    running
                        .shim
                        .tell(Request::KillExec {
                            exec_id: running.exec_id.clone(),
                        })
                        .await?;
                    // Waited for, so that the caller finds nothing of it when it hears of the timeout.
                    let _ = tokio::time::timeout(KILLED, &mut running.code).await;
                    Err(Error::Timeout(format!(
                        "command {:?}",
                        request.command.join(" ")
                    )))
                }
            }
        };
        let abort = output.abort_handle();
        let (stdout, stderr) = match (code.is_ok(), tokio::time::timeout(DRAIN, output).await) {
            (true, Ok(Ok(output))) => output,
            _ => {
                abort.abort();
                Default::default()
            }
        };
        Ok(ExecOutput {
            stdout,
            stderr,
            code: code?,
        })
    }
}

fn with_pipes(mut running: Running) -> ExecStreams {
    let stdin = running.stdin.take().map(|stream| {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move { pump_in(&stream, &mut receiver).await });
        sender
    });
    let (stdout, out) = running.stdout.take().map(reader).unzip();
    let (stderr, err) = running.stderr.take().map(reader).unzip();
    let pumps = [out, err].into_iter().flatten().collect();
    ExecStreams {
        stdin,
        stdout,
        stderr,
        resize: None,
        exit: exit(running, pumps),
    }
}

fn with_terminal(mut running: Running, request: &ExecRequest) -> ExecStreams {
    let terminal = running.terminal.take().map(Arc::new);
    let stdin = terminal.clone().filter(|_| request.stdin).map(|terminal| {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move { pump_in(&terminal, &mut receiver).await });
        sender
    });
    let resize = terminal.clone().map(|terminal| {
        let (sender, mut sizes) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            while let Some(size) = sizes.recv().await {
                set_size(terminal.descriptor(), size);
            }
        });
        sender
    });
    let (sender, receiver) = mpsc::channel(QUEUE);
    let pump =
        terminal.map(|terminal| tokio::spawn(async move { pump_out(&terminal, &sender).await }));
    let stdout = request.stdout.then_some(receiver);
    ExecStreams {
        stdin,
        stdout,
        stderr: None,
        resize,
        exit: exit(running, pump.into_iter().collect()),
    }
}

fn reader(stream: Stream) -> (mpsc::Receiver<Bytes>, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (
        receiver,
        tokio::spawn(async move { pump_out(&stream, &sender).await }),
    )
}

/// The exit code, once all output was passed on.
fn exit(
    running: Running,
    pumps: Vec<tokio::task::JoinHandle<()>>,
) -> oneshot::Receiver<Result<i32>> {
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let code = running.code.await.map_err(|_| lost());
        for mut pump in pumps {
            if !finished(&mut pump).await {
                pump.abort();
            }
        }
        // Who does not want to know has dropped its end.
        let _ = sender.send(code);
    });
    receiver
}

/// Waits as long as output may still come.
async fn finished(pump: &mut tokio::task::JoinHandle<()>) -> bool {
    tokio::time::timeout(DRAIN, pump).await.is_ok()
}

fn set_size(terminal: &OwnedFd, size: TerminalSize) {
    let size = libc::winsize {
        ws_row: size.height,
        ws_col: size.width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the descriptor is open and `size` is what this request reads. A terminal that is gone has no size to set.
    unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
}

async fn collect(stream: Option<Stream>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(stream) = stream else { return kept };
    let mut buffer = vec![0; 4096];
    loop {
        let count = stream.read(&mut buffer).await;
        if count == 0 {
            return kept;
        }
        // Read on when full: a process that cannot write would not end.
        let room = MAX_OUTPUT - kept.len();
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

fn refused(failure: &Failure) -> Error {
    Error::Invalid(format!(
        "failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: {}",
        failure.message
    ))
}

fn lost() -> Error {
    Error::State("the sandbox's shim is gone".to_owned())
}
