//! The connection to a shim.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

use super::pipes;
use crate::cri::{Error, Result};
use crate::shim::{
    Envelope, Event, ExitRecord, Failure, FrameReader, Message, Outcome, Request, SOCKET, encode,
    send_some,
};

/// How long a shim may take to answer. Making a container takes milliseconds; a machine in trouble may need long.
const ANSWER: Duration = Duration::from_secs(120);

/// What a shim's answer is.
pub(super) type Answer = Result<(Outcome, Option<OwnedFd>), Failure>;

/// Told what a shim says by itself.
pub(super) trait Listener: Send + Sync + 'static {
    /// A container has ended.
    fn exited(&self, container_id: &str, exit: &ExitRecord);
    /// The connection is over.
    fn lost(&self);
}

pub(super) struct ShimClient {
    socket: AsyncFd<UnixStream>,
    sending: tokio::sync::Mutex<()>,
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    closed: bool,
    answers: HashMap<u64, oneshot::Sender<Answer>>,
    execs: HashMap<String, oneshot::Sender<i32>>,
}

impl ShimClient {
    /// Connects to the shim in `directory`.
    pub(super) fn connect(directory: &Path, listener: impl Listener) -> io::Result<Arc<Self>> {
        // By way of a descriptor, since a socket's name has a hundred bytes.
        let opened = std::fs::File::open(directory)?;
        let stream = UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd()))?;
        stream.set_nonblocking(true)?;
        let client = Arc::new(Self {
            socket: pipes::watch(stream)?,
            sending: tokio::sync::Mutex::default(),
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&client).receive(listener));
        Ok(client)
    }

    /// Asks and waits for the answer.
    pub(super) async fn call(&self, request: Request, descriptors: &[OwnedFd]) -> Result<Answer> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(gone());
            }
            waiting.answers.insert(id, sender);
        }
        let asked = async {
            let frame = encode(&Envelope {
                id,
                descriptors: descriptors.len(),
                request,
            })
            .map_err(|error| Error::Invalid(error.to_string()))?;
            self.send(&frame, descriptors)
                .await
                .map_err(|error| Error::host("write to the shim", error))?;
            match tokio::time::timeout(ANSWER, answer).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_)) => Err(gone()),
                Err(_) => Err(Error::Timeout("the shim's answer".to_owned())),
            }
        };
        let outcome = asked.await;
        self.waiting.lock().answers.remove(&id);
        outcome
    }

    /// Asks for something that has no answer but that it is done.
    pub(super) async fn tell(&self, request: Request) -> Result<()> {
        self.call(request, &[])
            .await?
            .map(drop)
            .map_err(|failure| Error::State(failure.message))
    }

    /// Gets the exit code of a process that is about to be added; to be called before it is.
    pub(super) fn expect_exec(&self, exec_id: &str) -> oneshot::Receiver<i32> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.execs.insert(exec_id.to_owned(), sender);
        }
        receiver
    }

    pub(super) fn forget_exec(&self, exec_id: &str) {
        self.waiting.lock().execs.remove(exec_id);
    }

    async fn send(&self, frame: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
        let raw: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let _one_at_a_time = self.sending.lock().await;
        let mut sent = 0;
        while sent < frame.len() {
            let mut ready = self.socket.writable().await?;
            let with = if sent == 0 { &raw[..] } else { &[] };
            if let Ok(count) =
                ready.try_io(|socket| send_some(socket.get_ref().as_fd(), &frame[sent..], with))
            {
                sent += count?;
            }
        }
        Ok(())
    }

    async fn receive(self: Arc<Self>, listener: impl Listener) {
        let mut reader = FrameReader::default();
        // The end of the loop is the end of the connection, whatever its cause.
        while let Ok(true) = self.receive_once(&mut reader, &listener).await {}
        // Whoever waits is told by the loss of its sender.
        drop(std::mem::replace(
            &mut *self.waiting.lock(),
            Waiting {
                closed: true,
                ..Waiting::default()
            },
        ));
        listener.lost();
    }

    async fn receive_once(
        &self,
        reader: &mut FrameReader,
        listener: &impl Listener,
    ) -> io::Result<bool> {
        let mut ready = self.socket.readable().await?;
        let Ok(more) = ready.try_io(|socket| reader.fill(socket.get_ref().as_fd())) else {
            return Ok(true);
        };
        let more = more?;
        while let Some(frame) = reader.next()? {
            match serde_json::from_slice(&frame)? {
                Message::Answer {
                    id,
                    descriptors,
                    outcome,
                } => {
                    let descriptor = reader.take_descriptors(descriptors)?.pop();
                    if let Some(asker) = self.waiting.lock().answers.remove(&id) {
                        // Whoever asked may have given up.
                        let _ = asker.send(outcome.map(|outcome| (outcome, descriptor)));
                    }
                }
                Message::Event(Event::Exited { container_id, exit }) => {
                    listener.exited(&container_id, &exit);
                }
                Message::Event(Event::ExecExited { exec_id, code }) => {
                    if let Some(asker) = self.waiting.lock().execs.remove(&exec_id) {
                        let _ = asker.send(code);
                    }
                }
            }
        }
        Ok(more)
    }
}

fn gone() -> Error {
    Error::State("the sandbox's shim is gone".to_owned())
}
