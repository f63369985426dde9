//! Connections that go on.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::namespaces::Namespace;

/// A connection that is used all the time: how often it has been answered. It ends when that is dropped.
pub fn talk(from: &Namespace, to: (IpAddr, u16)) -> Arc<AtomicUsize> {
    let answers = Arc::new(AtomicUsize::new(0));
    let answered = Arc::downgrade(&answers);
    let stream = from.run(move || TcpStream::connect(SocketAddr::from(to)).unwrap());
    stream.set_nonblocking(true).unwrap();
    let mut stream = tokio::net::TcpStream::from_std(stream).unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1];
        while stream.write_all(b"x").await.is_ok() && stream.read_exact(&mut buffer).await.is_ok() {
            let Some(answered) = answered.upgrade() else {
                return;
            };
            answered.fetch_add(1, Ordering::Relaxed);
            drop(answered);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    answers
}

/// Whether it is answered for a while.
pub async fn is_answered(answered: &AtomicUsize) -> bool {
    let before = answered.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    answered.load(Ordering::Relaxed) > before
}

/// A server that gives back what it gets.
pub fn echo(inside: &Namespace, port: u16) {
    let listener = inside.run(move || TcpListener::bind(("::", port)).unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 1];
                while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
            });
        }
    });
}
