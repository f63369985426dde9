//! Several addresses of one cluster's API: one of them is asked, and when it does not answer the next one is, by all clients of a process
//! together.

mod anew;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kube::client::Body;
use tokio::sync::watch;

/// How long a server may take to begin an answer; after that it is taken for gone. A node that finds out so is not yet taken for dead.
const ANSWER: Duration = Duration::from_secs(10);

/// How long it may take to say that it lives, when it has not answered something else.
const LIVES: Duration = Duration::from_secs(3);

type BoxError = Box<dyn Error + Send + Sync>;
/// Of an answer.
type Part = Result<Frame<Bytes>, BoxError>;

/// The servers, and which of them is asked. Clones are the same.
#[derive(Debug, Clone)]
pub struct Servers {
    urls: Vec<String>,
    current: watch::Sender<usize>,
    /// How often connections were begun anew.
    anew: watch::Sender<u64>,
}

impl Servers {
    /// The first of them is asked first.
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            current: watch::Sender::new(0),
            anew: watch::Sender::new(0),
        }
    }

    /// All of them.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Has all clients begin their connections anew. What waits for an answer by one that there is fails, and watches end.
    pub fn reconnect(&self) {
        self.anew.send_modify(|times| *times += 1);
    }

    /// A client that asks the one that is asked. `make` makes a client of one of them, now and when connections are begun anew. Errors: what
    /// `make` says, or that there is none.
    pub fn client<E: From<NoServer> + Into<BoxError>>(
        &self,
        make: impl Fn(&str) -> Result<kube::Client, E> + Send + Sync + 'static,
    ) -> Result<kube::Client, E> {
        let make = Arc::new(make);
        let client = |url: &String| {
            let (make, url) = (make.clone(), url.clone());
            anew::client(move || make(&url), &self.anew)
        };
        let clients: Result<Vec<_>, E> = self.urls.iter().map(client).collect();
        let mut clients = clients?;
        if clients.len() < 2 {
            return clients.pop().ok_or_else(|| NoServer.into());
        }
        let servers = self.clone();
        let ask = tower::service_fn(move |request: Request<Body>| {
            servers.clone().ask(clients.clone(), request)
        });
        Ok(kube::Client::new(ask, "default"))
    }

    /// Each is asked once at most. What may have been done is not asked for again: whoever called decides that.
    async fn ask(
        self,
        clients: Vec<kube::Client>,
        request: Request<Body>,
    ) -> Result<Response<StreamBody<impl Stream<Item = Part>>>, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let is_safe = head.method == Method::GET;
        for turn in 1.. {
            let mut current = self.current.subscribe();
            let at = *current.borrow_and_update();
            let request = Request::from_parts(head.clone(), Body::from(body.clone()));
            let asked = tokio::select! {
                asked = tokio::time::timeout(ANSWER, clients[at].send(request)) => asked,
                () = changed(&mut current) => Ok(Err(kube::Error::Service(EXCHANGED.into()))),
            };
            let error: BoxError = match asked {
                Ok(Ok(response)) => return Ok(response.map(|body| cut(body, current, EXCHANGED))),
                Ok(Err(error)) => error.into(),
                Err(_) => "the server does not answer".into(),
            };
            // One that is slow, or that has closed a connection which it did not need, is not gone.
            if was_not_sent(&*error) || !lives(&clients[at]).await {
                self.leave(at, &*error);
            }
            if turn >= clients.len() || !(is_safe || was_not_sent(&*error)) {
                return Err(error);
            }
        }
        Err(NoServer.into())
    }

    /// Has the next one asked, unless somebody else was faster.
    fn leave(&self, at: usize, error: &(dyn Error + Send + Sync)) {
        let next = (at + 1) % self.urls.len();
        self.current.send_if_modified(|current| {
            let is_left = *current == at;
            if is_left {
                *current = next;
                let (server, next) = (&self.urls[at], &self.urls[next]);
                tracing::warn!(server, %error, next, "the API is asked at another address");
            }
            is_left
        });
    }
}

/// Whether a server answers at all, whatever it says.
async fn lives(client: &kube::Client) -> bool {
    let Ok(request) = Request::get("/livez").body(Body::empty()) else {
        return false;
    };
    matches!(
        tokio::time::timeout(LIVES, client.send(request)).await,
        Ok(Ok(_))
    )
}

/// That a client was to be made of no server at all.
#[derive(Debug, thiserror::Error)]
#[error("no server is named")]
pub struct NoServer;

const EXCHANGED: &str = "another server is asked now";

/// An answer that ends, with an error, when another server is asked or connections are begun anew: a watch at one that is gone would never say
/// so.
fn cut<T: Send + Sync + 'static>(
    body: Body,
    current: watch::Receiver<T>,
    why: &'static str,
) -> StreamBody<impl Stream<Item = Part>> {
    let state = Some((body.into_data_stream(), current));
    StreamBody::new(futures::stream::unfold(state, move |state| async move {
        let (mut data, mut current) = state?;
        tokio::select! {
            biased;
            part = data.next() => {
                let part = part?.map(Frame::data).map_err(BoxError::from);
                let rest = part.is_ok().then_some((data, current));
                Some((part, rest))
            }
            () = changed(&mut current) => Some((Err(why.into()), None)),
        }
    }))
}

async fn changed<T>(current: &mut watch::Receiver<T>) {
    if current.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether there was no connection to send a request by.
fn was_not_sent(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let legacy = error.downcast_ref::<hyper_util::client::legacy::Error>();
        if legacy.is_some_and(hyper_util::client::legacy::Error::is_connect) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
