//! exec and attach over a WebSocket whose messages begin with the number of their channel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use http::request::Parts;
use navarch_machinery::status::StatusError;
use navarch_runtime::cri::{ExecRequest, ExecStreams, TerminalSize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

use super::query::Query;
use super::websocket::{self, Receiver, Sender, Socket};
use super::{Body, NodeApi, refusal};

/// Newest first.
const PROTOCOLS: [&str; 5] = [
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
];

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
/// Version 5: the channel that follows is closed.
const CLOSE: u8 = 255;

/// How messages are written.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    base64: bool,
    /// The error channel carries a Status, not text.
    statuses: bool,
}

impl Dialect {
    fn of(protocol: Option<&str>) -> Self {
        let name = protocol.unwrap_or("");
        Self {
            base64: name.contains("base64"),
            statuses: name.starts_with("v4") || name.starts_with("v5"),
        }
    }

    fn message(self, channel: u8, bytes: &[u8]) -> Message {
        if self.base64 {
            return Message::Text(format!("{channel}{}", STANDARD.encode(bytes)).into());
        }
        let mut message = BytesMut::with_capacity(1 + bytes.len());
        message.put_u8(channel);
        message.put_slice(bytes);
        Message::Binary(message.freeze())
    }

    /// The channel and what it carries.
    fn read(self, message: &Bytes) -> Option<(u8, Bytes)> {
        let (channel, rest) = message.split_first()?;
        if self.base64 {
            return Some((
                channel.checked_sub(b'0')?,
                STANDARD.decode(rest).ok()?.into(),
            ));
        }
        Some((*channel, message.slice(1..)))
    }
}

impl NodeApi {
    /// exec, or with `exec` false attach.
    pub(super) async fn stream(
        &self,
        request: &mut Parts,
        namespace: &str,
        pod: &str,
        container: &str,
        query: &Query,
        exec: bool,
    ) -> Response<Body> {
        match self
            .begin(request, namespace, pod, container, query, exec)
            .await
        {
            Ok(response) => response,
            Err(error) => refusal(&error),
        }
    }

    async fn begin(
        &self,
        request: &mut Parts,
        namespace: &str,
        pod: &str,
        container: &str,
        query: &Query,
        exec: bool,
    ) -> Result<Response<Body>, StatusError> {
        let pod = self.pod(namespace, pod)?;
        let record = self.running(&pod, container)?;
        let wanted = wanted(query)?;
        let protocol = websocket::choose(&request.headers, &PROTOCOLS)?;
        let dialect = Dialect::of(protocol);
        let (response, socket) = websocket::accept(request, protocol)?;
        let runtime = self.worker.runtime.clone();
        let id = record.id.clone();
        tokio::spawn(async move {
            let Some(socket) = socket.await else { return };
            let streams = if exec {
                runtime.exec(&id, wanted.clone()).await
            } else {
                runtime.attach(&id, wanted.clone()).await
            };
            match streams {
                Ok(streams) => carry(socket, dialect, streams, &wanted).await,
                Err(error) => {
                    let (mut sender, _) = socket.split();
                    sender
                        .send(ended(dialect, Err(error.to_string()), &wanted))
                        .await;
                    sender.close().await;
                }
            }
        });
        Ok(response)
    }
}

fn wanted(query: &Query) -> Result<ExecRequest, StatusError> {
    let tty = query.flag(&["tty"]);
    let request = ExecRequest {
        command: query.all("command"),
        tty,
        stdin: query.flag(&["input", "stdin"]),
        stdout: query.flag(&["output", "stdout"]),
        // A terminal has one output.
        stderr: query.flag(&["error", "stderr"]) && !tty,
    };
    if !request.stdin && !request.stdout && !request.stderr {
        return Err(StatusError::bad_request(
            "you must specify at least 1 of stdin, stdout, stderr",
        ));
    }
    Ok(request)
}

/// Carries bytes until the process has ended and all was sent.
async fn carry(socket: Socket, dialect: Dialect, streams: ExecStreams, wanted: &ExecRequest) {
    let ExecStreams {
        stdin,
        stdout,
        stderr,
        resize,
        exit,
    } = streams;
    let (mut sender, receiver) = socket.split();
    // An empty message tells the client that the connection stands.
    let first = if wanted.stdout {
        STDOUT
    } else if wanted.stderr {
        STDERR
    } else {
        ERROR
    };
    if !sender.send(dialect.message(first, &[])).await {
        return;
    }
    let (gone, client_gone) = oneshot::channel::<()>();
    let receiving = tokio::spawn(async move {
        receive(receiver, dialect, stdin, resize).await;
        drop(gone);
    });
    tokio::select! {
        () = send(&mut sender, dialect, stdout, stderr, exit, wanted) => {}
        // The streams are dropped: the process loses its terminal or its pipes.
        _ = client_gone => {}
    }
    sender.close().await;
    receiving.abort();
}

async fn send(
    sender: &mut Sender,
    dialect: Dialect,
    mut stdout: Option<mpsc::Receiver<Bytes>>,
    mut stderr: Option<mpsc::Receiver<Bytes>>,
    exit: oneshot::Receiver<navarch_runtime::cri::Result<i32>>,
    wanted: &ExecRequest,
) {
    while stdout.is_some() || stderr.is_some() {
        let (channel, bytes) = tokio::select! {
            bytes = next(&mut stdout) => (STDOUT, bytes),
            bytes = next(&mut stderr) => (STDERR, bytes),
        };
        match bytes {
            Some(bytes) => {
                if !sender.send(dialect.message(channel, &bytes)).await {
                    return;
                }
            }
            None if channel == STDOUT => stdout = None,
            None => stderr = None,
        }
    }
    let result = match exit.await {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the runtime did not tell how the process ended".to_owned()),
    };
    sender.send(ended(dialect, result, wanted)).await;
}

async fn next(stream: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    match stream {
        Some(stream) => stream.recv().await,
        None => std::future::pending().await,
    }
}

/// Ends when the client is gone.
async fn receive(
    mut receiver: Receiver,
    dialect: Dialect,
    mut stdin: Option<mpsc::Sender<Bytes>>,
    resize: Option<mpsc::Sender<TerminalSize>>,
) {
    while let Some(message) = receiver.next().await {
        match dialect.read(&message) {
            Some((STDIN, bytes)) if !bytes.is_empty() => {
                if let Some(stream) = &stdin
                    && stream.send(bytes).await.is_err()
                {
                    stdin = None;
                }
            }
            Some((RESIZE, bytes)) => {
                if let (Some(resize), Some(size)) = (&resize, size(&bytes)) {
                    let _ = resize.send(size).await;
                }
            }
            Some((CLOSE, bytes)) if bytes.first() == Some(&STDIN) => stdin = None,
            _ => {}
        }
    }
}

fn size(bytes: &[u8]) -> Option<TerminalSize> {
    let size: Value = serde_json::from_slice(bytes).ok()?;
    let number = |name: &str| size.get(name)?.as_u64().and_then(|n| u16::try_from(n).ok());
    Some(TerminalSize {
        width: number("Width")?,
        height: number("Height")?,
    })
}

/// The last message: how the process ended.
fn ended(dialect: Dialect, result: Result<i32, String>, wanted: &ExecRequest) -> Message {
    if !dialect.statuses {
        let text = match result {
            Ok(0) => String::new(),
            Ok(code) => format!("command terminated with exit code {code}"),
            Err(error) => error,
        };
        return dialect.message(ERROR, text.as_bytes());
    }
    let status = match result {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!(
                "command terminated with non-zero exit code: error executing command [{}], exit code {code}",
                wanted.command.join(" ")
            ),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(error) => {
            let error =
                StatusError::internal(format!("error executing command in container: {error}"));
            serde_json::to_value(error.to_status()).unwrap_or_default()
        }
    };
    dialect.message(ERROR, status.to_string().as_bytes())
}
