//! A connection and its streams.

use std::collections::{BTreeMap, HashMap};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::frame::{self, Frame};
use super::headers::{Reader, Writer};

/// Frames that wait to be sent.
const OUTGOING: usize = 64;
/// Chunks of a stream that wait to be read; more hold the connection up.
const INCOMING: usize = 64;
/// Streams that a client may have open at once.
const MAX_STREAMS: usize = 1000;
/// Streams that wait to be accepted.
const UNACCEPTED: usize = 64;
/// What is put into one data frame.
const CHUNK: usize = 32 * 1024;
const REFUSED_STREAM: u32 = 3;

/// A stream that the client opened.
pub(crate) struct Stream {
    id: u32,
    /// What the client said of it; names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    incoming: mpsc::Receiver<Bytes>,
    outgoing: mpsc::Sender<Bytes>,
}

impl Stream {
    /// What can be sent with, and what is read from.
    pub(crate) fn split(self) -> (StreamWriter, mpsc::Receiver<Bytes>) {
        (
            StreamWriter {
                id: self.id,
                outgoing: self.outgoing,
            },
            self.incoming,
        )
    }
}

/// Sends on a stream.
pub(crate) struct StreamWriter {
    id: u32,
    outgoing: mpsc::Sender<Bytes>,
}

impl StreamWriter {
    /// Sends bytes. `false`: the connection is gone.
    pub(crate) async fn write(&self, bytes: &[u8]) -> bool {
        for chunk in bytes.chunks(CHUNK) {
            if self
                .outgoing
                .send(frame::data(self.id, false, chunk))
                .await
                .is_err()
            {
                return false;
            }
        }
        true
    }

    /// Sends nothing more.
    pub(crate) async fn finish(self) {
        let _ = self.outgoing.send(frame::data(self.id, true, &[])).await;
    }
}

/// A connection's streams as they are opened.
pub(crate) struct Session {
    opened: mpsc::Receiver<Stream>,
}

impl Session {
    /// Serves a connection; it ends with the connection, or when the session and all its streams are dropped.
    pub(crate) fn start<C: AsyncRead + AsyncWrite + Send + 'static>(connection: C) -> Self {
        let (accept, opened) = mpsc::channel(UNACCEPTED);
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(connection);
            let (outgoing, mut frames) = mpsc::channel::<Bytes>(OUTGOING);
            let sending = async move {
                while let Some(frame) = frames.recv().await {
                    if writer.write_all(&frame).await.is_err()
                        || frames.is_empty() && writer.flush().await.is_err()
                    {
                        return;
                    }
                }
                let _ = writer.shutdown().await;
            };
            tokio::join!(sending, async move {
                if let Err(error) = receive(&mut reader, outgoing, accept).await {
                    tracing::debug!(error, "a SPDY connection ended");
                }
            });
        });
        Self { opened }
    }

    /// The next stream; `None` when the client opens no more.
    pub(crate) async fn accept(&mut self) -> Option<Stream> {
        self.opened.recv().await
    }
}

async fn receive<R: AsyncRead + Unpin>(
    reader: &mut R,
    outgoing: mpsc::Sender<Bytes>,
    accept: mpsc::Sender<Stream>,
) -> Result<(), String> {
    let mut buffer = BytesMut::new();
    let mut state = State {
        streams: HashMap::new(),
        reader: Reader::new(),
        writer: Writer::new(),
        outgoing,
        accept,
    };
    loop {
        while let Some(frame) = frame::take(&mut buffer).map_err(|e| e.to_string())? {
            if matches!(frame, Frame::GoAway) {
                return Ok(());
            }
            state.handle(frame).await?;
        }
        let read = reader
            .read_buf(&mut buffer)
            .await
            .map_err(|e| e.to_string())?;
        if read == 0 {
            return Ok(());
        }
    }
}

struct State {
    streams: HashMap<u32, mpsc::Sender<Bytes>>,
    reader: Reader,
    writer: Writer,
    outgoing: mpsc::Sender<Bytes>,
    accept: mpsc::Sender<Stream>,
}

impl State {
    async fn handle(&mut self, frame: Frame) -> Result<(), String> {
        match frame {
            Frame::SynStream { id, fin, headers } => {
                let headers = self.reader.read(&headers).map_err(|e| e.to_string())?;
                self.open(id, fin, headers).await
            }
            Frame::Headers { headers } => self
                .reader
                .read(&headers)
                .map(drop)
                .map_err(|e| e.to_string()),
            Frame::Data { id, fin, data } => {
                if let Some(stream) = self.streams.get(&id) {
                    // Who reads no more has dropped its end: the bytes are of no use to anybody.
                    if !data.is_empty() {
                        let _ = stream.send(data).await;
                    }
                    if fin {
                        self.streams.remove(&id);
                    }
                }
                Ok(())
            }
            Frame::Reset { id } => {
                self.streams.remove(&id);
                Ok(())
            }
            Frame::Ping { id } => self.send(frame::ping(id)).await,
            Frame::GoAway | Frame::Other => Ok(()),
        }
    }

    async fn open(
        &mut self,
        id: u32,
        fin: bool,
        headers: BTreeMap<String, String>,
    ) -> Result<(), String> {
        if self.streams.len() >= MAX_STREAMS || self.streams.contains_key(&id) {
            return self.send(frame::reset(id, REFUSED_STREAM)).await;
        }
        let (sender, incoming) = mpsc::channel(INCOMING);
        if !fin {
            self.streams.insert(id, sender);
        }
        let reply = self.writer.write(&[]).map_err(|e| e.to_string())?;
        self.send(frame::syn_reply(id, &reply)).await?;
        let stream = Stream {
            id,
            headers,
            incoming,
            outgoing: self.outgoing.clone(),
        };
        self.accept
            .send(stream)
            .await
            .map_err(|_| "nobody accepts streams".to_owned())
    }

    async fn send(&self, frame: Bytes) -> Result<(), String> {
        self.outgoing
            .send(frame)
            .await
            .map_err(|_| "the connection is gone".to_owned())
    }
}
