//! Answers of cluster DNS to names of services.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;

use super::cluster::{Services, with_services};
use super::lane;
use super::namespace::{self, apart};
use crate::load::Until;
use crate::options::Common;

const PORT: u16 = 53;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network namespace that asks.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The address that is asked.
    #[arg(long, value_name = "ADDRESS")]
    server: IpAddr,
    /// How many services there are, whose names are asked in turn.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    services: u16,
    /// The cluster's domain.
    #[arg(long, default_value = "cluster.local", value_name = "NAME")]
    domain: String,
}

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    with_services(common, |services| measure(args, common, services)).await
}

async fn measure(args: &Args, common: &Common, services: Services) -> Result<()> {
    let (count, in_flight) = (usize::from(args.services), common.in_flight(32));
    services.create_many(count, in_flight, &[]).await?;
    let zone = format!("{}.svc.{}", services.namespace, args.domain);
    let names: Vec<String> = (0..count).map(|turn| format!("s{turn}.{zone}")).collect();
    let server = SocketAddr::new(args.server, PORT);
    let until = Until::either(common.count, common.duration());
    let lanes = common.connections.min(in_flight);
    let ask = move || {
        names
            .iter()
            .try_for_each(|name| lane::known(server, name))?;
        lane::ask(server, &names, lanes, in_flight / lanes, until)
    };
    let done = apart(namespace::spawn(&args.from, ask)?).await?;
    done.print("dns");
    Ok(())
}
