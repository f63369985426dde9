//! What can be said of certificates and of the tokens by which nodes join.

use clap::{ArgAction, Args, Subcommand};
use jiff::SignedDuration;

use super::{DataDir, Kubeconfig};

/// The group of those whose certificates are approved when they join, as kubeadm has it.
const JOINING: &str = "system:bootstrappers:kubeadm:default-node-token";

/// How long what the cluster signs holds.
#[derive(Debug, Clone, Args)]
pub(crate) struct Lives {
    /// How long certificates hold that are signed for nodes and others, at most.
    #[arg(
        long,
        env = "NAVARCH_CLUSTER_SIGNING_DURATION",
        default_value = "8760h",
        value_parser = duration,
        value_name = "DURATION"
    )]
    pub(crate) cluster_signing_duration: SignedDuration,
    /// How long the certificates of the cluster's own parts hold. Each is renewed, while it is in use, when two thirds of that are over.
    #[arg(
        long,
        env = "NAVARCH_CERTIFICATE_VALIDITY_PERIOD",
        default_value = "8760h",
        value_parser = duration,
        value_name = "DURATION"
    )]
    pub(crate) certificate_validity_period: SignedDuration,
    /// How long tokens of service accounts hold at most [default: as long as is asked for].
    #[arg(
        long,
        env = "NAVARCH_SERVICE_ACCOUNT_MAX_TOKEN_EXPIRATION",
        value_parser = duration,
        value_name = "DURATION"
    )]
    pub(crate) service_account_max_token_expiration: Option<SignedDuration>,
    /// Whether the certificate that a node serves with is approved without anybody's hand: if the node itself asks for it, by its own
    /// name and by addresses of its Node object that are no older node's, the API's, a service's or a pod's.
    #[arg(
        long,
        env = "NAVARCH_APPROVE_KUBELET_SERVING",
        default_value_t = true,
        action = ArgAction::Set,
        value_name = "BOOL"
    )]
    pub(crate) approve_kubelet_serving: bool,
}

/// Tokens by which nodes join.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token, and print it.
    Create(CreateToken),
    /// List the tokens there are.
    List {
        #[command(flatten)]
        data: DataDir,
    },
    /// Delete tokens, by their ids (the part before the point).
    Delete {
        #[command(flatten)]
        data: DataDir,
        /// The tokens.
        #[arg(required = true, value_name = "ID")]
        tokens: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// How long it holds; 0: until it is deleted.
    #[arg(
        long,
        env = "NAVARCH_TTL",
        default_value = "24h",
        value_parser = lifetime,
        value_name = "DURATION"
    )]
    pub(crate) ttl: SignedDuration,
    /// What it is for, in words for people.
    #[arg(
        long,
        env = "NAVARCH_DESCRIPTION",
        default_value = "",
        value_name = "TEXT"
    )]
    pub(crate) description: String,
    /// The groups that who comes with it is in: each begins with `system:bootstrappers:`.
    #[arg(
        long,
        env = "NAVARCH_GROUPS",
        default_value = JOINING,
        value_delimiter = ',',
        value_name = "LIST"
    )]
    pub(crate) groups: Vec<String>,
    /// Print the command by which a node joins, in place of the token alone.
    #[arg(long, env = "NAVARCH_PRINT_JOIN_COMMAND")]
    pub(crate) print_join_command: bool,
}

/// The certificates of this host.
#[derive(Debug, Subcommand)]
pub(crate) enum Certs {
    /// Show the certificates of the data directory and how long they hold; fail if one should have been renewed.
    Check(Kubeconfig),
    /// Renew the certificates of the data directory now, in the processes that show them. The authorities stay.
    Rotate(Kubeconfig),
}

/// The shortest that something holds, and the longest: a hundred years.
const BOUNDS: (SignedDuration, SignedDuration) = (
    SignedDuration::from_secs(1),
    SignedDuration::from_hours(100 * 8760),
);

/// `8760h`, `90m`, `1h30m`: from one second to a hundred years.
fn duration(text: &str) -> Result<SignedDuration, String> {
    match lifetime(text)? {
        SignedDuration::ZERO => Err(out_of_bounds()),
        duration => Ok(duration),
    }
}

fn out_of_bounds() -> String {
    "from one second (1s) to a hundred years (876000h) is expected".to_owned()
}

/// The same, or nothing.
pub(super) fn lifetime(text: &str) -> Result<SignedDuration, String> {
    if text == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let duration: Result<SignedDuration, _> = text.parse();
    match duration {
        Ok(SignedDuration::ZERO) => Ok(SignedDuration::ZERO),
        Ok(duration) if (BOUNDS.0..=BOUNDS.1).contains(&duration) => Ok(duration),
        Ok(_) => Err(out_of_bounds()),
        Err(_) => Err("a duration is expected, as 24h or 90m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_kubernetes_writes_them() {
        for (text, seconds) in [
            ("8760h", 31_536_000),
            ("8760h0m0s", 31_536_000),
            ("1h30m", 5400),
            ("10s", 10),
            ("1s", 1),
            ("876000h", 3_153_600_000),
        ] {
            assert_eq!(duration(text), Ok(SignedDuration::from_secs(seconds)));
        }
        for no in [
            "0",
            "0s",
            "-1h",
            "soon",
            "",
            "5",
            "999ms",
            "876000h1s",
            "9999999h",
        ] {
            assert!(duration(no).is_err(), "{no}");
        }
        for no in ["-1h", "999ms", "9999999h"] {
            assert!(lifetime(no).is_err(), "{no}");
        }
        assert_eq!(lifetime("0"), Ok(SignedDuration::ZERO));
    }
}
