//! `grpc.health.v1.Health/Check` over plain HTTP/2: one small message each way.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::Outcome;
use crate::http_get::{authority, dial_error};

/// More than an answer ever is.
const MAX_ANSWER: usize = 4096;
/// `ServingStatus.SERVING`.
const SERVING: u8 = 1;

pub(super) async fn check(host: &str, port: u16, service: &str, timeout: Duration) -> Outcome {
    let to = authority(host, port);
    match tokio::time::timeout(timeout, ask(host, port, service)).await {
        Ok(Ok(Some(SERVING))) => Outcome::Success,
        Ok(Ok(status)) => {
            let name = match status {
                Some(2) => "NOT_SERVING",
                Some(3) => "SERVICE_UNKNOWN",
                _ => "UNKNOWN",
            };
            Outcome::Failure(format!("service unhealthy (responded with {name:?})"))
        }
        Ok(Err(error)) => Outcome::Failure(error),
        Err(_) => Outcome::Failure(format!(
            "timeout: failed to connect service {to:?} within {}s",
            timeout.as_secs()
        )),
    }
}

async fn ask(host: &str, port: u16, service: &str) -> Result<Option<u8>, String> {
    let to = authority(host, port);
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|e| format!("dial tcp {to}: {}", dial_error(&e)))?;
    let connected =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|e| e.to_string())?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{to}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.36")
        .body(Full::new(message(service)))
        .map_err(|e| e.to_string())?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|e| e.to_string());
    let answer = async {
        let response = response?;
        let early = response.headers().get("grpc-status").cloned();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(|e| e.to_string())?;
        let code = early.or_else(|| body.trailers().and_then(|t| t.get("grpc-status").cloned()));
        match code.as_ref().and_then(|c| c.to_str().ok()) {
            None | Some("0") => Ok(serving_status(&body.to_bytes())),
            Some("12") => Err(
                "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
                    .to_owned(),
            ),
            Some(code) => Err(format!("health rpc probe failed: grpc status {code}")),
        }
    };
    let answer = answer.await;
    connection.abort();
    answer
}

/// `HealthCheckRequest { string service = 1; }` in gRPC's framing. A service's name is short: its length takes at most two bytes.
fn message(service: &str) -> Bytes {
    let service = &service.as_bytes()[..service.len().min(1024)];
    let mut body = BytesMut::new();
    if !service.is_empty() {
        body.put_u8(0x0a);
        let length = service.len();
        if length < 0x80 {
            body.put_u8(length as u8);
        } else {
            body.put_u8((length & 0x7f) as u8 | 0x80);
            body.put_u8((length >> 7) as u8);
        }
        body.put_slice(service);
    }
    let mut framed = BytesMut::with_capacity(5 + body.len());
    framed.put_u8(0);
    framed.put_u32(body.len() as u32);
    framed.put(body);
    framed.freeze()
}

/// `HealthCheckResponse { ServingStatus status = 1; }`
fn serving_status(body: &[u8]) -> Option<u8> {
    match body.get(5..)? {
        [0x08, status, ..] => Some(*status),
        _ => Some(0),
    }
}
