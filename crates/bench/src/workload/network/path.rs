//! From where to where something is sent, and at which address.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Error, Result};

/// Where servers listen, and what is connected to where no other port is named.
const PORT: u16 = 5201;

/// `NAME=FROM,TO,ADDRESS[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// What the figures are called by.
    pub(super) name: String,
    /// The namespace that connects.
    pub(super) from: PathBuf,
    /// The namespace that listens.
    pub(super) to: PathBuf,
    /// What is connected to: an address of `to`, or one that leads to it.
    pub(super) at: SocketAddr,
}

impl Path {
    /// Where a server of this path listens.
    pub(super) fn listen(&self) -> SocketAddr {
        let any = match self.at {
            SocketAddr::V4(_) => IpAddr::from([0; 4]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        };
        SocketAddr::new(any, PORT)
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (name, rest) = text.split_once('=')?;
            let (from, rest) = rest.split_once(',')?;
            let (to, at) = rest.split_once(',')?;
            let ip = at.parse().map(|ip| SocketAddr::new(ip, PORT));
            Some(Self {
                name: name.to_owned(),
                from: from.into(),
                to: to.into(),
                at: at.parse().or(ip).ok()?,
            })
        };
        parts().context("NAME=FROM,TO,ADDRESS[:PORT] is needed")
    }
}

/// What of several paths is common to the workloads that compare them.
#[derive(Debug, clap::Args)]
pub(super) struct Paths {
    /// A path as NAME=FROM,TO,ADDRESS[:PORT]: two namespaces' files, and what is connected to. The first is what others are compared with;
    /// a server listens at port 5201.
    #[arg(long = "path", required = true, value_name = "PATH")]
    pub(super) paths: Vec<Path>,
    /// How often each has its turn.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(super) rounds: usize,
}

impl Paths {
    /// Measures all paths in turn, as often as is asked for: one list of values a path.
    pub(super) fn measure<T>(
        &self,
        mut measure: impl FnMut(&Path) -> Result<T>,
    ) -> Result<Vec<Vec<T>>> {
        let mut all: Vec<Vec<T>> = self.paths.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.rounds {
            for (path, values) in self.paths.iter().zip(&mut all) {
                let value = measure(path).with_context(|| format!("path {}", path.name))?;
                values.push(value);
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_two_namespaces_and_an_address() {
        let path: Path = "bare=/run/netns/a,/run/netns/b,10.9.0.2".parse().unwrap();
        assert_eq!(
            (path.name.as_str(), path.to.to_str()),
            ("bare", Some("/run/netns/b"))
        );
        assert_eq!(path.at.to_string(), "10.9.0.2:5201");
        assert_eq!(path.listen().to_string(), "0.0.0.0:5201");
        let path: Path = "service=a,b,[fd00::1]:80".parse().unwrap();
        assert_eq!(
            (path.at.port(), path.listen().to_string()),
            (80, "[::]:5201".to_owned())
        );
        for bad in ["", "bare=a,b", "bare=a,b,c", "a,b,10.9.0.2"] {
            assert!(bad.parse::<Path>().is_err(), "{bad}");
        }
    }
}
