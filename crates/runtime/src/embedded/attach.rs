//! The streams of a container's main process.

use std::os::fd::OwnedFd;

use tokio::sync::{mpsc, oneshot};

use super::Embedded;
use super::pipes::{Ended, QUEUE, from_process, pump_in, pump_out, to_process};
use crate::cri::{ContainerState, Error, ExecRequest, ExecStreams, Result, TerminalSize};
use crate::shim::Request;

impl Embedded {
    pub(super) async fn attach_streams(
        &self,
        id: &str,
        request: &ExecRequest,
    ) -> Result<ExecStreams> {
        let container = self.find_container(id)?;
        if container.state() != ContainerState::Running {
            return Err(Error::State(format!("container {id} is not running")));
        }
        let shim = self.shim_of(&container.sandbox_id)?;
        let (tty, stdin_once) = {
            let stored = container.stored.lock();
            (stored.record.config.tty, stored.record.config.stdin_once)
        };
        let failed = |error: std::io::Error| Error::host("make the streams of attach", error);
        let mut theirs: Vec<OwnedFd> = Vec::new();
        let mut streams = ExecStreams {
            stdin: None,
            stdout: None,
            stderr: None,
            resize: None,
            exit: oneshot::channel().1,
        };
        let mut input = None;
        if request.stdin {
            let (ours, their) = to_process().map_err(failed)?;
            theirs.push(their);
            let (sender, mut receiver) = mpsc::channel(QUEUE);
            streams.stdin = Some(sender);
            input = Some(tokio::spawn(
                async move { pump_in(&ours, &mut receiver).await },
            ));
        }
        let mut pumps = Vec::new();
        let stderr = request.stderr && !tty;
        for (wanted, slot) in [
            (request.stdout, &mut streams.stdout),
            (stderr, &mut streams.stderr),
        ] {
            if wanted {
                let (ours, their) = from_process().map_err(failed)?;
                theirs.push(their);
                let (sender, receiver) = mpsc::channel(QUEUE);
                *slot = Some(receiver);
                pumps.push(tokio::spawn(async move { pump_out(&ours, &sender).await }));
            }
        }
        let mut ended = container.ended.subscribe();
        let attach = Request::Attach {
            container_id: id.to_owned(),
            stdin: request.stdin,
            stdout: request.stdout,
            stderr,
        };
        shim.call(attach, &theirs)
            .await?
            .map_err(|failure| Error::State(failure.message))?;
        drop(theirs);
        if tty {
            let (sender, sizes) = mpsc::channel(QUEUE);
            streams.resize = Some(sender);
            tokio::spawn(self.pass_sizes(id.to_owned(), sizes)?);
        }
        let (sender, exit) = oneshot::channel();
        streams.exit = exit;
        // The input of a container that has it once ends with the client's. Where it goes on, the client has left with its own.
        let leaves = input.filter(|_| tty || !stdin_once);
        tokio::spawn(async move {
            let left = async {
                let ended = match leaves {
                    Some(input) => input.await.ok(),
                    None => None,
                };
                if ended != Some(Ended::Writer) {
                    std::future::pending::<()>().await;
                }
            };
            let over = tokio::select! {
                ended = ended.wait_for(|ended| *ended) => ended.is_ok(),
                () = left => {
                    pumps.iter().for_each(tokio::task::JoinHandle::abort);
                    let _ = sender.send(Ok(0));
                    return;
                }
            };
            for pump in pumps {
                // Ends when the shim has passed on all and closed its ends.
                let _ = pump.await;
            }
            let code = container
                .stored
                .lock()
                .record
                .exit
                .as_ref()
                .map(|exit| exit.code);
            let code = code
                .filter(|_| over)
                .ok_or_else(|| Error::NotFound(format!("container {}", container.id)));
            // Who does not want to know has dropped its end.
            let _ = sender.send(code);
        });
        Ok(streams)
    }

    /// Passes sizes of the terminal on until no more come.
    fn pass_sizes(
        &self,
        id: String,
        mut sizes: mpsc::Receiver<TerminalSize>,
    ) -> Result<impl Future<Output = ()> + use<>> {
        let shim = self.shim_of(&self.find_container(&id)?.sandbox_id)?;
        Ok(async move {
            while let Some(TerminalSize { width, height }) = sizes.recv().await {
                // A container that has just ended has no size.
                let _ = shim
                    .tell(Request::Resize {
                        container_id: id.clone(),
                        width,
                        height,
                    })
                    .await;
            }
        })
    }
}
