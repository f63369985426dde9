//! `navarch certs`: how long certificates hold, and new ones.

use std::time::SystemTime;

use anyhow::{Result, bail};
use jiff::Timestamp;
use navarch_auth::inspection::{Found, Standing, inspect, seconds};
use navarch_auth::pki::Pki;

use crate::cli::{Certs, Kubeconfig};
use crate::layout::Layout;
use crate::leaves;
use crate::table;

/// The certificates that Navarch itself makes, beside each node's.
const OWN: [&str; 5] = [
    "admin",
    "apiserver",
    "apiserver-kubelet-client",
    "kube-proxy",
    "kubelet",
];
/// What a node's is called, before its name.
const OF_NODE: &str = "node-";

pub(super) async fn run(arguments: Certs) -> Result<()> {
    match arguments {
        Certs::Check(arguments) => check(&arguments),
        Certs::Rotate(arguments) => rotate(&arguments).await,
    }
}

fn check(arguments: &Kubeconfig) -> Result<()> {
    let layout = Layout::existing(&arguments.data.data_dir)?;
    let now = seconds(SystemTime::now());
    let found = inspect(&layout.pki())?;
    let rows = found.iter().map(|it| row(it, now)).collect();
    let head = ["NAME", "SUBJECT", "ISSUER", "NOT AFTER", "REMAINING"];
    print!("{}", table::table(&head, rows));
    let late = found.iter().filter(|it| it.standing(now) != Standing::Good);
    match late.count() {
        0 => Ok(()),
        count => bail!(
            "{count} of {} certificates have expired or should have been renewed",
            found.len()
        ),
    }
}

fn row(found: &Found, now: i64) -> Vec<String> {
    let end = Timestamp::from_second(found.not_after).unwrap_or_default();
    let remaining = match found.standing(now) {
        Standing::Over => "expired".to_owned(),
        Standing::Good => remaining(found.not_after - now),
        Standing::Soon => format!("{} (soon)", remaining(found.not_after - now)),
    };
    vec![
        found.name.clone(),
        found.subject.clone(),
        found.issuer.clone(),
        end.to_string(),
        remaining,
    ]
}

fn remaining(seconds: i64) -> String {
    navarch_api::cell::duration(seconds)
}

/// The processes that show certificates renew them; where there are none, they are made anew at the next start.
async fn rotate(arguments: &Kubeconfig) -> Result<()> {
    let layout = Layout::existing(&arguments.data.data_dir)?;
    let mut asked = false;
    for socket in [layout.server_socket(), layout.agent_socket()] {
        if let Some(renewed) = leaves::ask(&socket).await? {
            asked = true;
            for name in renewed {
                println!("renewed {name}");
            }
        }
    }
    if !asked {
        at_next_start(&layout)?;
    }
    println!("the authorities are as they were");
    Ok(())
}

/// Whether Navarch makes it. Others may have put theirs beside; nobody would make those anew.
fn is_own(found: &Found) -> bool {
    let is_node = |name: &str| {
        let user = format!("CN=system:node:{name}");
        found.subject.split(", ").any(|part| part == user)
    };
    let name = &*found.name;
    OWN.contains(&name) || name.strip_prefix(OF_NODE).is_some_and(is_node)
}

/// Where nobody shows them they are forgotten, and made when somebody will.
fn at_next_start(layout: &Layout) -> Result<()> {
    let directory = layout.pki();
    if !directory.join("ca.key").exists() {
        bail!(
            "no process runs on {}, and only the API can sign for it: start the agent first",
            layout.root().display()
        );
    }
    let pki = Pki::open(&directory, "", SystemTime::now())?;
    for found in inspect(&directory)? {
        if is_own(&found) {
            pki.discard(&found.name)?;
            println!("{} is made anew at the next start", found.name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_here_is_forgotten() {
        let of = |name: &str, subject: &str| {
            is_own(&Found {
                name: name.to_owned(),
                subject: subject.to_owned(),
                issuer: String::new(),
                not_after: 0,
                life: 0,
            })
        };
        for name in OWN {
            assert!(of(name, "CN=any"), "{name}");
        }
        assert!(of("node-n", "O=system:nodes, CN=system:node:n"));
        for name in ["ca", "etcd", "node-exporter", "kubelet-server-current"] {
            assert!(!of(name, "CN=node-exporter"), "{name}");
        }
        assert!(!of("node-n", "O=system:nodes, CN=system:node:n2"));
    }
}
