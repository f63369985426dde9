//! kubectl against real containers: each command as a person types it, and what it prints.

mod budgets;
mod chores;
mod objects;
mod rollouts;
mod streams;
mod terminals;

use std::io::{Read, Write};
use std::net::TcpStream;

/// What a web server on this port of this host answers.
fn page(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
