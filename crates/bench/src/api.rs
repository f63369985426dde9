//! Raw requests, spread over connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::connection::{Sender, connect};
use crate::kubeconfig::Target;
use crate::lines::Lines;
use crate::options::Common;

/// What of an error's body is shown.
const ERROR_BYTES: usize = 2 << 10;
/// The longest body that is read as JSON.
const JSON_BYTES: usize = 64 << 20;

pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// An endpoint with its connections.
pub(crate) struct Api {
    target: Target,
    senders: Vec<Sender>,
    next: AtomicUsize,
}

impl Api {
    /// Connects to the endpoint of the options' kubeconfig.
    pub(crate) async fn open(common: &Common) -> Result<Arc<Self>> {
        let path = common
            .kubeconfig
            .as_deref()
            .context("--kubeconfig FILE is needed")?;
        Self::connect(Target::read(path)?, common.connections).await
    }

    pub(crate) async fn connect(target: Target, connections: usize) -> Result<Arc<Self>> {
        let mut senders = Vec::with_capacity(connections);
        for _ in 0..connections {
            senders.push(connect(&target).await?);
        }
        Ok(Arc::new(Self {
            target,
            senders,
            next: AtomicUsize::new(0),
        }))
    }

    /// Sends a request on the next connection, and gives the head of its answer, whatever the status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Response<Incoming>> {
        let server = &self.target.server;
        let authority = server.authority().context("no authority")?.as_str();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{authority}{path}"));
        if let Some(value) = &self.target.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some((content_type, _)) = &body {
            request = request.header(CONTENT_TYPE, *content_type);
        }
        let request = request.body(Full::new(body.map_or_else(Bytes::new, |(_, bytes)| bytes)))?;
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.senders.len();
        let mut sender = self.senders[turn].clone();
        Ok(sender.send_request(request).await?)
    }

    /// The same, for requests that must succeed.
    async fn succeed(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Response<Incoming>> {
        let answer = self
            .send(method.clone(), path, body)
            .await
            .with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        bail!(
            "{method} {path}: {status}: {}",
            said(answer.into_body()).await
        );
    }

    /// Sends a request that must succeed, and gives the number of bytes that were answered.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<usize> {
        let mut body = self.succeed(method, path, body).await?.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    /// Sends a request that must succeed, and reads its answer.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Value> {
        let body = self.succeed(method, path, body).await?.into_body();
        let bytes = Limited::new(body, JSON_BYTES)
            .collect()
            .await
            .map_err(anyhow::Error::from_boxed)?
            .to_bytes();
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Creates an object.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Result<()> {
        self.call(Method::POST, path, Some((JSON, object.to_string().into())))
            .await
            .map(drop)
    }

    /// Deletes what may be gone already.
    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Result<()> {
        let answer = self
            .send(
                Method::DELETE,
                path,
                Some((JSON, options.to_string().into())),
            )
            .await?;
        let status = answer.status();
        let text = said(answer.into_body()).await;
        if !status.is_success() && status != StatusCode::NOT_FOUND {
            bail!("DELETE {path}: {status}: {text}");
        }
        Ok(())
    }

    /// Lists, and then follows. `path` has a query already, or is given one.
    pub(crate) async fn watch(&self, path: &str, since: Option<&str>) -> Result<Lines> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let since = since.map_or_else(String::new, |revision| {
            format!("&resourceVersion={revision}")
        });
        let answer = self
            .succeed(Method::GET, &format!("{path}{mark}watch=true{since}"), None)
            .await?;
        Ok(Lines::new(answer.into_body()))
    }
}

/// The beginning of a body, and the rest of it thrown away.
async fn said(mut body: Incoming) -> String {
    let mut text = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            text.extend_from_slice(
                &data[..data.len().min(ERROR_BYTES - text.len().min(ERROR_BYTES))],
            );
        }
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}
