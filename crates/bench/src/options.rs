//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

use crate::workload::Workload;

/// Measures a Kubernetes endpoint, whichever it is. One figure a line: `name value unit`.
#[derive(Debug, Parser)]
#[command(name = "navarch-bench", version)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) workload: Workload,
}

/// What every workload understands, each as far as it applies.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The endpoint and who we are to it: embedded or named certificates, or a token.
    #[arg(long, global = true, env = "KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Connections that requests are spread over.
    #[arg(long, global = true, default_value_t = 4, value_name = "N", value_parser = positive)]
    pub(crate) connections: usize,
    /// Requests that are under way at a time [default: 32, or what the workload says].
    #[arg(long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) in_flight: Option<usize>,
    /// How long each kind of request is measured.
    #[arg(long, global = true, default_value_t = 5, value_name = "S")]
    pub(crate) seconds: u64,
    /// Measure this many instead.
    #[arg(long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) count: Option<usize>,
    /// Threads of this client.
    #[arg(long, global = true, default_value_t = 1, value_name = "N", value_parser = positive)]
    pub(crate) threads: usize,
}

impl Common {
    pub(crate) fn in_flight(&self, otherwise: usize) -> usize {
        self.in_flight.unwrap_or(otherwise)
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("a number from 1 to 1000000 is needed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn common_flags_stand_before_and_after_the_workload() {
        let of = |words: &str| {
            Options::try_parse_from(words.split(' ')).map(|options| options.common.in_flight(32))
        };
        assert_eq!(of("bench crud --in-flight 1").unwrap(), 1);
        assert_eq!(of("bench --in-flight 2 crud").unwrap(), 2);
        assert_eq!(of("bench crud").unwrap(), 32);
        assert!(of("bench crud --in-flight 0").is_err());
    }
}
