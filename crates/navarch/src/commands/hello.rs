//! `navarch hello`: a small web server, so that a machine without any registry has something to deploy. It tells where it runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::cli::Hello;
use crate::signals::Stop;

/// The connections that are served at a time.
const CONNECTIONS: u32 = 1024;
/// When none has come for so long after the signal to stop, none waits to be accepted either, which would be reset.
const LAST_CONNECTIONS: Duration = Duration::from_millis(100);
/// How long connections may go on after the signal to stop. Each is closed with the answer to its next request: a client that is told so
/// loses none, and one whose idle connection is closed loses the request that it is just sending.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How long an answer may take that is under way then.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

pub(super) async fn run(arguments: &Hello) -> Result<()> {
    // First of all: to process 1 of a container a signal that it does not listen to is nothing.
    let mut stop = Stop::listen()?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listen on {}", arguments.listen))?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let page = Bytes::from(format!("Hello from {}!\n", host.trim()));
    println!("hello: listening on {}", arguments.listen);
    let room = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let stopping = Arc::new(AtomicBool::new(false));
    let graceful = hyper_util::server::graceful::GracefulShutdown::new();
    loop {
        let permit = room.clone().acquire_owned().await?;
        let is_stopping = stopping.load(Ordering::Relaxed);
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = stop.asked(), if !is_stopping => {
                stopping.store(true, Ordering::Relaxed);
                continue;
            }
            () = tokio::time::sleep(LAST_CONNECTIONS), if is_stopping => break,
        };
        let (page, stopping) = (page.clone(), stopping.clone());
        let serve = service_fn(move |request: Request<hyper::body::Incoming>| {
            println!("{} {} from {peer}", request.method(), request.uri().path());
            let mut answer = Response::new(Full::new(page.clone()));
            if stopping.load(Ordering::Relaxed) {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            async move { Ok::<_, Infallible>(answer) }
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
    drop(listener);
    // Those that are left are idle.
    let _ = tokio::time::timeout(LAST_REQUESTS, room.acquire_many(CONNECTIONS)).await;
    let _ = tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await;
    Ok(())
}
