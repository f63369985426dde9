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

/// The certificate that is not renewed.
const AUTHORITY: &str = "ca";

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
        if found.name != AUTHORITY {
            pki.discard(&found.name)?;
            println!("{} is made anew at the next start", found.name);
        }
    }
    Ok(())
}
