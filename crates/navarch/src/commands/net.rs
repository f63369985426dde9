//! `navarch net`: whether the network is as it should be.

use std::io::{ErrorKind, Write as _};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use navarch_client::{Client, Https};
use navarch_network::check::{self, CheckOptions, Report};

use crate::cli::{Check, Net};
use crate::layout::Layout;
use crate::remote;
use crate::signals::Stop;
use crate::table::table;

pub(super) async fn run(arguments: Net) -> Result<()> {
    match arguments {
        Net::Check(arguments) => check(arguments).await,
        Net::Answer(arguments) => check::answer(&arguments.name)
            .await
            .context("answer who this is"),
        Net::Ask(arguments) => {
            let found = check::ask(&arguments.task).await.context("--task")?;
            let to = &arguments.to;
            std::fs::write(to, found).with_context(|| to.display().to_string())
        }
    }
}

async fn check(arguments: Check) -> Result<()> {
    let kubeconfig = Layout::existing(&arguments.data.data_dir)?.kubeconfig();
    let client = remote::client(&kubeconfig).await?;
    let client = Client::new(Arc::new(Https::new(client)));
    let options = CheckOptions {
        nodes: arguments.nodes,
        image: arguments.image,
        timeout: arguments.timeout.try_into().context("--timeout")?,
    };
    if options.timeout.as_secs() == 0 || options.timeout > check::LONGEST_TIMEOUT {
        let longest = check::LONGEST_TIMEOUT.as_secs() / 60;
        bail!("--timeout: from 1s to {longest}m are expected");
    }
    let mut stop = Stop::listen()?;
    let tell = |line: &str| eprintln!("{line}");
    let report = check::run(&client, &options, stop.asked(), &tell).await?;
    let mut text = table(&Report::HEAD, report.rows());
    let notes = report.notes().into_iter().map(str::to_owned);
    for line in notes.chain(report.failures()) {
        text.push_str(&line);
        text.push('\n');
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written?,
    }
    match report.wrong() {
        0 => Ok(()),
        1 => bail!("1 thing is not as it should be"),
        several => bail!("{several} things are not as they should be"),
    }
}
