//! Constant HTTP load on the ready addresses of a service's endpoint slices.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use tokio::sync::watch;

/// Clients that ask without pause.
const CLIENTS: usize = 3;
/// The pause of each between two requests.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a request may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the first endpoints may take, and a new page.
const PATIENCE: Duration = Duration::from_secs(60);

/// Load that goes on until it is stopped.
pub(super) struct Load {
    client: Client,
    page: watch::Receiver<String>,
    clients: Vec<JoinHandle<()>>,
}

/// One that asks the ready addresses in turn. Clones share what they learn.
#[derive(Clone)]
struct Client {
    ready: watch::Receiver<Vec<SocketAddr>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<String>>>,
    page: Arc<watch::Sender<String>>,
}

impl Client {
    fn run(&self, first: usize) {
        let mut turn = first;
        while !self.stop.load(Ordering::Relaxed) {
            turn += 1;
            let address = {
                let ready = self.ready.borrow();
                ready.get(turn % ready.len().max(1)).copied()
            };
            match address.map(|address| (address, ask(address))) {
                Some((_, Ok(text))) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    self.page
                        .send_if_modified(|last| std::mem::replace(last, text.clone()) != text);
                }
                Some((address, Err(error))) => self.complain(format!("{address}: {error}")),
                None => self.complain("no endpoint is ready".into()),
            }
            // A few hundred requests a second are enough, and leave the cluster its share of the processors.
            std::thread::park_timeout(PAUSE);
        }
    }

    fn complain(&self, what: String) {
        self.refused.lock().unwrap().push(what);
    }
}

impl Load {
    /// Starts once the service has `count` ready endpoints.
    pub(super) async fn start(client: kube::Client, service: &str, count: usize) -> Self {
        let (sender, mut ready) = watch::channel(Vec::new());
        tokio::spawn(follow(client, service.to_owned(), sender));
        let enough = ready.wait_for(|ready| ready.len() == count);
        let enough = tokio::time::timeout(PATIENCE, enough).await;
        drop(enough.expect("the endpoints are ready in time").unwrap());
        let (page_sender, page) = watch::channel(String::new());
        let client = Client {
            ready,
            stop: Arc::default(),
            answered: Arc::default(),
            refused: Arc::default(),
            page: Arc::new(page_sender),
        };
        let clients = (0..CLIENTS).map(|number| {
            let client = client.clone();
            std::thread::spawn(move || client.run(number))
        });
        Self {
            clients: clients.collect(),
            client,
            page,
        }
    }

    /// Waits for an answer with this page.
    pub(super) async fn sees(&self, page: &str) {
        let mut pages = self.page.clone();
        let seen = tokio::time::timeout(PATIENCE, pages.wait_for(|seen| seen == page)).await;
        assert!(seen.is_ok(), "no endpoint ever answered {page:?}");
    }

    /// Stops. Returns how many requests were answered, and what went wrong with the others.
    pub(super) fn stop(self) -> (usize, Vec<String>) {
        self.client.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        let refused = std::mem::take(&mut *self.client.refused.lock().unwrap());
        (self.client.answered.load(Ordering::Relaxed), refused)
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other(format!("answered {answer:?}"))),
    }
}

/// Keeps the ready addresses of the service's only slice. Ends with the watch, or when nobody listens.
async fn follow(client: kube::Client, service: String, ready: watch::Sender<Vec<SocketAddr>>) {
    let slices: Api<EndpointSlice> = Api::default_namespaced(client);
    let parameters =
        WatchParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let mut events = Box::pin(slices.watch(&parameters, "0").await.unwrap());
    while let Some(event) = events.try_next().await.unwrap() {
        let (WatchEvent::Added(slice) | WatchEvent::Modified(slice)) = event else {
            continue;
        };
        let port = slice
            .ports
            .iter()
            .flatten()
            .find_map(|port| port.port)
            .unwrap_or_default();
        let endpoints = slice.endpoints.iter().flatten().filter(|endpoint| {
            endpoint
                .conditions
                .as_ref()
                .is_some_and(|conditions| conditions.ready == Some(true))
        });
        let addresses = endpoints.flat_map(|endpoint| &endpoint.addresses);
        let port = u16::try_from(port).unwrap();
        let addresses: Vec<SocketAddr> = addresses
            .map(|address| SocketAddr::new(address.parse().unwrap(), port))
            .collect();
        ready.send_replace(addresses);
    }
}
