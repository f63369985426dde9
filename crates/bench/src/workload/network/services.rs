//! Many services: programmed from nothing, and one more.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::cluster::{Services, with_services};
use super::namespace::apart;
use super::program::{self, Program};
use super::{echo, namespace, probe, spread};
use crate::figures::{self, Latencies};
use crate::options::Common;

/// How often a service is asked that is not there yet.
const ASK: Duration = Duration::from_micros(200);
/// How long one of those that should be there may take to answer.
const SWEEP: Duration = Duration::from_millis(100);
/// Of all services so many are asked while the program starts: all of them once those answer.
const SAMPLE: usize = 16;
/// How often one more is measured.
const MORE: usize = 100;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's network namespace.
    #[arg(long, value_name = "FILE")]
    node: PathBuf,
    /// The namespace that the endpoints are in.
    #[arg(long, value_name = "FILE")]
    backends: PathBuf,
    /// Two addresses of it.
    #[arg(
        long = "endpoint",
        required = true,
        num_args = 1,
        value_name = "ADDRESS"
    )]
    endpoints: Vec<IpAddr>,
    /// How many services.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    services: usize,
    /// How often the program is started.
    #[arg(long, default_value_t = 3, value_name = "N")]
    starts: usize,
    /// How long to wait between two services more: a proxy may put together what comes at once.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    pause: u64,
    /// The program, after `--`: it is started in the node's namespace once for each start, from which all rules were taken off. Without
    /// it the one that runs there is measured, and only one service more.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    if args.services == 0 {
        bail!("no services are nothing to be measured");
    }
    echo::serve(&args.backends, &args.endpoints)?;
    with_services(common, |services| measure(args, common, services)).await
}

async fn measure(args: &Args, common: &Common, services: Services) -> Result<()> {
    let begin = Instant::now();
    let create = services.create_many(args.services, common.in_flight(32), &args.endpoints);
    let all = create.await?;
    figures::print_time("created", begin.elapsed());
    if args.command.is_empty() {
        answered(args, &all).await?;
        return one_more(args, common, &services).await;
    }
    let (mut cold, mut memory) = (Vec::new(), Vec::new());
    for turn in 1..=args.starts {
        program::flush(&args.node)?;
        let begin = Instant::now();
        let program = Program::start(&args.node, &args.command)?;
        let at = answered(args, &all).await?;
        cold.push(at.duration_since(begin).as_secs_f64() * 1000.0);
        memory.push(program.memory()?);
        if turn == args.starts {
            one_more(args, common, &services).await?;
        }
        program.stop().await?;
    }
    spread::print("cold", &cold, "ms");
    spread::print("program_pss", &memory, "MiB");
    Ok(())
}

/// When the node's services answered: the sample. All others are asked then, and it is told how many did not answer at once.
async fn answered(args: &Args, all: &[SocketAddr]) -> Result<Instant> {
    let all = all.to_vec();
    let node = args.node.clone();
    let wait = move || {
        let step = all.len().div_ceil(SAMPLE);
        // The last to be made is among them.
        for service in all.iter().rev().step_by(step) {
            probe::answer(*service, None, ASK)?;
        }
        let at = Instant::now();
        let mut late = 0;
        for service in &all {
            late += u64::from(probe::answer(*service, None, SWEEP)?.questions > 1);
        }
        Ok((at, late))
    };
    let (at, late) = apart(namespace::spawn(&node, wait)?).await?;
    figures::print("cold_late", figures::float(late), "services");
    Ok(at)
}

/// From a request to make a service, whose endpoints are known, to its first answer.
async fn one_more(args: &Args, common: &Common, services: &Services) -> Result<()> {
    let (mut answered, mut written) = (Latencies::default(), Latencies::default());
    for turn in 0..common.count.unwrap_or(MORE) {
        let name = format!("more{turn}");
        let service = services.free_address(&name).await?;
        services.lead(&name, &args.endpoints).await?;
        tokio::time::sleep(Duration::from_millis(args.pause)).await;
        let asks = namespace::spawn(&args.node, move || probe::answer(service, None, ASK))?;
        let begin = Instant::now();
        services.create(&name, Some(service.ip())).await?;
        written.add(begin.elapsed());
        let took = apart(asks).await?.at.checked_duration_since(begin);
        answered.add(
            took.context("an address that was freed answers still: a longer --pause is needed")?,
        );
    }
    written.print("one_more_written");
    answered.print("one_more");
    Ok(())
}
