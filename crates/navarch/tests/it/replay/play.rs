//! Asks what was asked when the conversation was recorded.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use crate::raw::{Body, Server};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use super::recording::{Conversation, Request, Step};

/// How long an answer may take, and how long a watch waits for its events.
const ANSWER: Duration = Duration::from_secs(30);
const WATCH: Duration = Duration::from_secs(10);

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\{(\w+)\}").unwrap());

/// A conversation that is under way.
pub(super) struct Player {
    server: Server,
    variables: HashMap<String, Value>,
}

impl Player {
    /// With the conversation's namespace and its service account made.
    pub(super) async fn begin(server: Server, talk: &Conversation) -> Self {
        let namespace = &talk.namespace;
        let mut player = Self {
            server,
            variables: HashMap::from([("ns".to_owned(), namespace.as_str().into())]),
        };
        let post = |path: String, object: Value| Request {
            method: Some("POST".into()),
            path,
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: Some(object),
            events: None,
        };
        let core = |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        for request in [
            post("/api/v1/namespaces".into(), core("Namespace", namespace)),
            post(accounts, core("ServiceAccount", "default")),
        ] {
            // What is there already, from an earlier conversation, is good enough.
            let _ = player.ask(&request).await;
        }
        player
    }

    /// Takes one step. Returns the answer in the form of the recorded ones, or why there is none.
    pub(super) async fn perform(&mut self, step: &Step) -> Result<Value, String> {
        let bound = ANSWER;
        let answer = match step.request.events {
            Some(count) => self.watch(&step.request, count).await?,
            None => tokio::time::timeout(bound, self.ask(&step.request))
                .await
                .map_err(|_| format!("no answer in {bound:?}"))??,
        };
        for (name, path) in &step.capture {
            let found = look(&answer["body"], path).cloned();
            self.variables
                .insert(name.clone(), found.unwrap_or(Value::Null));
        }
        Ok(answer)
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, String> {
        let response = self.send(request).await?;
        let (parts, body) = response.into_parts();
        let warnings: Vec<String> = parts
            .headers
            .get_all("warning")
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let kind = parts
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or("").split(';').next().unwrap_or("");
        let text = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        Ok(
            json!({"status": parts.status.as_u16(), "type": kind, "warnings": warnings, "body": parse(&text)}),
        )
    }

    async fn watch(&mut self, request: &Request, count: usize) -> Result<Value, String> {
        let response = self.send(request).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let (mut events, mut text) = (Vec::new(), Vec::new());
        let read = async {
            while events.len() < count || status != 200 {
                let Some(Ok(frame)) = body.frame().await else {
                    break;
                };
                text.extend_from_slice(&frame.into_data().unwrap_or_default());
                while status == 200
                    && let Some(end) = text.iter().position(|byte| *byte == b'\n')
                {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    events.push(parse(&line));
                }
            }
        };
        // A watch whose events do not come is compared as far as it came.
        let _ = tokio::time::timeout(WATCH, read).await;
        events.truncate(count);
        if status == 200 {
            Ok(json!({"status": status, "events": events}))
        } else {
            Ok(json!({"status": status, "body": parse(&text)}))
        }
    }

    async fn send(&self, request: &Request) -> Result<http::Response<Incoming>, String> {
        let text = match &request.body {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(json) => Some(json.to_string()),
        };
        let body = Body::from(text.map(|text| self.fill(&text)).unwrap_or_default());
        let mut built = http::Request::builder()
            .method(request.method.as_deref().unwrap_or("GET"))
            .uri(format!("{}{}", self.server.url, self.fill(&request.path)));
        if !request.headers.contains_key("authorization") {
            built = built.header("authorization", format!("Bearer {}", self.server.token));
        }
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        let built = built.body(body).map_err(|e| e.to_string())?;
        self.server
            .connections
            .request(built)
            .await
            .map_err(|e| e.to_string())
    }

    fn fill(&self, text: &str) -> String {
        let value = |found: &Captures<'_>| match self.variables.get(&found[1]) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => found[0].to_owned(),
        };
        VARIABLE.replace_all(text, value).into_owned()
    }
}

fn look<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(members) => members.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// JSON, or the text without the space around it.
fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text)
        .unwrap_or_else(|_| String::from_utf8_lossy(text).trim().to_owned().into())
}
