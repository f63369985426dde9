//! What is behind services: servers that say at which address they were reached.

use std::io::Write;
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};

use super::namespace;

/// Where they listen.
pub(super) const PORT: u16 = 5202;

/// Listens at each of these addresses of a namespace. Whoever connects is told the address, and the connection is closed.
pub(super) fn serve(netns: &Path, addresses: &[IpAddr]) -> Result<()> {
    let all = addresses.to_vec();
    let bind = move |address: IpAddr| {
        let listener = TcpListener::bind((address, PORT));
        Ok((
            address,
            listener.with_context(|| format!("listen at {address}"))?,
        ))
    };
    let bind = move || all.into_iter().map(bind).collect::<Result<Vec<_>>>();
    for (address, listener) in namespace::within(netns, bind)? {
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Whoever is gone does not wait for it.
                let _ =
                    stream.and_then(|mut stream| stream.write_all(address.to_string().as_bytes()));
            }
        });
    }
    Ok(())
}
