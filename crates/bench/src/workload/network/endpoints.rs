//! From an endpoint's change to the rules of every node.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::cluster::{Services, with_services};
use super::namespace::apart;
use super::{echo, namespace, probe};
use crate::figures::Latencies;
use crate::options::Common;

/// How often each node is asked where the service leads.
const ASK: Duration = Duration::from_millis(1);
/// How many changes there are.
const CHANGES: usize = 200;
const NAME: &str = "moving";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network namespace of a node; there may be several.
    #[arg(long = "node", required = true, value_name = "FILE")]
    nodes: Vec<PathBuf>,
    /// The namespace that the endpoints are in.
    #[arg(long, value_name = "FILE")]
    backends: PathBuf,
    /// Two addresses of it, between which the service changes.
    #[arg(long = "endpoint", required = true, value_name = "ADDRESS")]
    endpoints: Vec<IpAddr>,
    /// How many other services there are.
    #[arg(long, default_value_t = 0, value_name = "N")]
    services: usize,
    /// How long to wait between two changes: a proxy may put together what comes at once.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    pause: u64,
}

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let [first, second] = args.endpoints[..] else {
        bail!("two endpoints are needed");
    };
    echo::serve(&args.backends, &args.endpoints)?;
    with_services(common, |services| {
        measure(args, common, services, [first, second])
    })
    .await
}

async fn measure(
    args: &Args,
    common: &Common,
    services: Services,
    endpoints: [IpAddr; 2],
) -> Result<()> {
    services
        .create_many(args.services, common.in_flight(32), &endpoints)
        .await?;
    services.lead(NAME, &endpoints[..1]).await?;
    let service = services.create(NAME, None).await?;
    answered(args, service, endpoints[0], Instant::now(), async {
        Ok(())
    })
    .await?;
    let (mut written, mut applied) = (Latencies::default(), Latencies::default());
    for turn in 1..=common.count.unwrap_or(CHANGES) {
        tokio::time::sleep(Duration::from_millis(args.pause)).await;
        let endpoint = endpoints[turn % 2];
        let begin = Instant::now();
        let write = async {
            services.lead_on(NAME, &[endpoint]).await?;
            written.add(begin.elapsed());
            Ok(())
        };
        applied.add(answered(args, service, endpoint, begin, write).await?);
    }
    written.print("endpoint_written");
    applied.print("endpoint_applied");
    Ok(())
}

/// How long since `begin` it took the last of the nodes to lead to the endpoint, which `write` says.
async fn answered(
    args: &Args,
    service: SocketAddr,
    endpoint: IpAddr,
    begin: Instant,
    write: impl Future<Output = Result<()>>,
) -> Result<Duration> {
    let ask = move || probe::answer(service, Some(endpoint), ASK);
    let threads = args.nodes.iter().map(|node| namespace::spawn(node, ask));
    let threads = threads.collect::<Result<Vec<_>>>()?;
    write.await?;
    let mut slowest = Duration::ZERO;
    for thread in threads {
        let at = apart(thread).await?.at;
        slowest = slowest.max(at.duration_since(begin));
    }
    Ok(slowest)
}
