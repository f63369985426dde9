//! `navarch hello`: a small web server, so that a machine without any registry has something to deploy. It tells where it runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::cli::Hello;
use crate::signals::Stop;

/// The connections that are served at a time.
const CONNECTIONS: usize = 1024;
/// How long requests that are under way may take after the signal to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

pub(super) async fn run(arguments: &Hello) -> Result<()> {
    // First of all: to process 1 of a container a signal that it does not listen to is nothing.
    let mut stop = Stop::listen()?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listen on {}", arguments.listen))?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let page = Bytes::from(format!("Hello from {}!\n", host.trim()));
    println!("hello: listening on {}", arguments.listen);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = hyper_util::server::graceful::GracefulShutdown::new();
    loop {
        let permit = room.clone().acquire_owned().await?;
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = stop.asked() => break,
        };
        let page = page.clone();
        let serve = service_fn(move |request: Request<hyper::body::Incoming>| {
            println!("{} {} from {peer}", request.method(), request.uri().path());
            let page = page.clone();
            async move { Ok::<_, Infallible>(Response::new(Full::new(page))) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .serve_connection(TokioIo::new(stream), serve);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _ = connection.await;
            drop(permit);
        });
    }
    let _ = tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await;
    Ok(())
}
