//! port-forward: by channels of a WebSocket, or by SPDY streams within one.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use http::Response;
use http::request::Parts;
use navarch_machinery::status::StatusError;
use navarch_runtime::cri::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::query::Query;
use super::websocket::{self, Socket};
use super::{Body, NodeApi};
use crate::spdy::{Session, Stream};
use crate::spec;

/// How kubectl has tunnelled SPDY since 1.30.
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
const PROTOCOLS: [&str; 3] = [TUNNEL, "v4.channel.k8s.io", "v4.base64.channel.k8s.io"];
/// Ports of one WebSocket with channels.
const MAX_PORTS: usize = 100;
/// Requests of a tunnel of which only one of two streams has come.
const MAX_HALF_OPEN: usize = 256;
const CHUNK: usize = 32 * 1024;
const WAITING: usize = 16;

/// Where connections go.
#[derive(Clone)]
struct Target {
    runtime: Arc<dyn Runtime>,
    sandbox: String,
}

impl NodeApi {
    pub(super) fn forward(
        &self,
        request: &mut Parts,
        namespace: &str,
        pod: &str,
        query: &Query,
    ) -> Result<Response<Body>, StatusError> {
        let pod = self.pod(namespace, pod)?;
        let actual = self.worker.view.of_pod(spec::uid(&pod));
        let missing = || StatusError::new(404, "NotFound", "pod not found");
        let sandbox = actual.ready_sandbox().ok_or_else(missing)?.id.clone();
        let target = Target {
            runtime: self.worker.runtime.clone(),
            sandbox,
        };
        let protocol = websocket::choose(&request.headers, &PROTOCOLS)?;
        if protocol == Some(TUNNEL) {
            let (response, socket) = websocket::accept(request, protocol)?;
            tokio::spawn(async move {
                if let Some(socket) = socket.await {
                    tunnel(socket, target).await;
                }
            });
            return Ok(response);
        }
        let ports = ports(query)?;
        let base64 = protocol.is_some_and(|p| p.contains("base64"));
        let (response, socket) = websocket::accept(request, protocol)?;
        tokio::spawn(async move {
            if let Some(socket) = socket.await {
                channels(socket, target, ports, base64).await;
            }
        });
        Ok(response)
    }
}

fn ports(query: &Query) -> Result<Vec<u16>, StatusError> {
    let mut ports = Vec::new();
    for text in query.all("port").iter().flat_map(|list| list.split(',')) {
        let port = text.parse::<u16>().ok().filter(|p| *p > 0);
        ports.push(port.ok_or_else(|| StatusError::bad_request(format!("invalid port {text:?}")))?);
    }
    match ports.len() {
        0 => Err(StatusError::bad_request(
            r#"query parameter "port" is required"#,
        )),
        1..=MAX_PORTS => Ok(ports),
        _ => Err(StatusError::bad_request(format!(
            "at most {MAX_PORTS} ports can be forwarded"
        ))),
    }
}

/// Two channels a port: data, and errors. The first message of each is the port.
async fn channels(socket: Socket, target: Target, ports: Vec<u16>, base64: bool) {
    let (mut sender, mut receiver) = socket.split();
    let (outgoing, mut messages) = mpsc::channel::<(u8, Bytes)>(WAITING);
    let mut inputs = HashMap::new();
    let mut tasks = tokio::task::JoinSet::new();
    for (index, port) in ports.into_iter().enumerate() {
        // At most 100 ports, so at most 200 channels.
        let (data, error) = ((2 * index) as u8, (2 * index + 1) as u8);
        let (input, bytes) = mpsc::channel(WAITING);
        inputs.insert(data, input);
        let (target, outgoing) = (target.clone(), outgoing.clone());
        tasks.spawn(async move {
            let number = Bytes::copy_from_slice(&port.to_le_bytes());
            for channel in [data, error] {
                if outgoing.send((channel, number.clone())).await.is_err() {
                    return;
                }
            }
            let sent = outgoing.clone();
            let output = move |bytes: Bytes| {
                let sent = sent.clone();
                async move { sent.send((data, bytes)).await.is_ok() }
            };
            if let Err(message) = connect(&target, port, bytes, output).await {
                let _ = outgoing.send((error, message.into())).await;
            }
        });
    }
    drop(outgoing);
    let sending = async {
        while let Some((channel, bytes)) = messages.recv().await {
            if !sender.send(message(base64, channel, &bytes)).await {
                return;
            }
        }
    };
    let receiving = async {
        while let Some(received) = receiver.next().await {
            let Some((channel, bytes)) = read(base64, &received) else {
                continue;
            };
            if let Some(input) = inputs.get(&channel)
                && input.send(bytes).await.is_err()
            {
                inputs.remove(&channel);
            }
        }
    };
    tokio::select! {
        () = sending => {}
        () = receiving => {}
    }
    sender.close().await;
}

fn message(base64: bool, channel: u8, bytes: &[u8]) -> Message {
    if base64 {
        return Message::Text(format!("{channel}{}", STANDARD.encode(bytes)).into());
    }
    let mut message = BytesMut::with_capacity(1 + bytes.len());
    message.put_u8(channel);
    message.put_slice(bytes);
    Message::Binary(message.freeze())
}

fn read(base64: bool, message: &Bytes) -> Option<(u8, Bytes)> {
    let (channel, rest) = message.split_first()?;
    if base64 {
        return Some((
            channel.checked_sub(b'0')?,
            STANDARD.decode(rest).ok()?.into(),
        ));
    }
    Some((*channel, message.slice(1..)))
}

/// Connects to a port of the pod and carries bytes both ways until both ends are done.
async fn connect<F, Fut>(
    target: &Target,
    port: u16,
    mut input: mpsc::Receiver<Bytes>,
    output: F,
) -> Result<(), String>
where
    F: Fn(Bytes) -> Fut,
    Fut: Future<Output = bool>,
{
    let failed = |error: String| {
        format!(
            "error forwarding port {port} to pod {}, uid : {error}",
            target.sandbox
        )
    };
    let connection = target
        .runtime
        .port_forward(&target.sandbox, port)
        .await
        .map_err(|e| failed(e.to_string()))?;
    let (mut reader, mut writer) = tokio::io::split(connection);
    let up = async {
        while let Some(bytes) = input.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
        // The other direction may go on.
        std::future::pending::<()>().await;
    };
    let down = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            buffer.reserve(CHUNK);
            match reader.read_buf(&mut buffer).await {
                Ok(0) => return Ok(()),
                Ok(_) => {
                    if !output(buffer.split().freeze()).await {
                        return Ok(());
                    }
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        }
    };
    tokio::select! {
        // Somebody who stopped taking bytes will not send any more either.
        () = up => Ok(()),
        result = down => result,
    }
}

/// SPDY in the WebSocket's messages.
async fn tunnel(socket: Socket, target: Target) {
    let (sender, receiver) = socket.split();
    let received = futures::stream::unfold(receiver, |mut receiver| async move {
        let bytes = receiver.next().await?;
        Some((Ok::<_, std::io::Error>(bytes), receiver))
    });
    let reader = StreamReader::new(Box::pin(received));
    let sink = futures::sink::unfold(sender, |mut sender, bytes: Bytes| async move {
        if sender.send(Message::Binary(bytes)).await {
            Ok(sender)
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe))
        }
    });
    let writer = SinkWriter::new(CopyToBytes::new(
        Box::pin(sink).sink_map_err(|e: std::io::Error| e),
    ));
    let mut session = Session::start(tokio::io::join(reader, writer));
    let mut waiting: HashMap<String, Stream> = HashMap::new();
    while let Some(stream) = session.accept().await {
        // A request is a stream for errors and one for data, in whatever order.
        let request = stream.headers.get("requestid").cloned().unwrap_or_default();
        match waiting.remove(&request) {
            Some(other) => {
                let is_error = |s: &Stream| {
                    s.headers
                        .get("streamtype")
                        .is_some_and(|kind| kind == "error")
                };
                let (error, data) = if is_error(&other) {
                    (other, stream)
                } else {
                    (stream, other)
                };
                tokio::spawn(one_connection(target.clone(), error, data));
            }
            None if waiting.len() < MAX_HALF_OPEN => {
                waiting.insert(request, stream);
            }
            None => return,
        }
    }
}

async fn one_connection(target: Target, error: Stream, data: Stream) {
    let port = data
        .headers
        .get("port")
        .and_then(|p| p.parse::<u16>().ok())
        .filter(|p| *p > 0);
    let (errors, _) = error.split();
    let (writer, input) = data.split();
    let result = match port {
        None => Err("the stream names no port".to_owned()),
        Some(port) => {
            let writer = &writer;
            connect(&target, port, input, move |bytes| async move {
                writer.write(&bytes).await
            })
            .await
        }
    };
    if let Err(message) = result {
        errors.write(message.as_bytes()).await;
    }
    errors.finish().await;
    writer.finish().await;
}
