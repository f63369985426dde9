//! Scheduler and controllers, in this process: whichever is wanted, each only while it holds its lease.

mod led;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use navarch_auth::pki::Pki;
use navarch_auth::{BoundObject, CONTROLLER_MANAGER, LegacyClaims, SCHEDULER, TokenKeys, UserInfo};
use navarch_client::{Client, Clock, Informer, InformerOptions, LeaseSettings, SystemClock};
use navarch_controllers::certificates::serving::Reserved;
use navarch_controllers::certificates::signing::Signer;
use navarch_controllers::node_cidr::NodeRanges;
use navarch_controllers::service_account_tokens::IssueToken;
use navarch_controllers::{Context, Options};
use navarch_scheduler::Scheduler;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::checks::{self, ClusterRanges};
use crate::cli::Api;
use crate::control_plane::{advertised, server_subject};
use crate::signer::ClusterSigner;
use led::led;

/// The namespace of the system's own objects.
const SYSTEM: &str = "kube-system";
/// How long a lease holds that is not renewed, and how often it is.
const LEASE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(2));

/// Which parts are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// The scheduler.
    pub(crate) scheduler: bool,
    /// The controllers.
    pub(crate) controllers: bool,
}

/// Parts that run.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Running {
    /// Stops them, while the API is still there: they end what they have begun, and give their leases back. They hold nothing else.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part has ended before it was stopped");
            }
        }
    }
}

/// The keys that controllers sign with, where they are here.
#[derive(Default)]
pub(crate) struct Keys {
    /// The authority's.
    pub(crate) authority: Option<Arc<Pki>>,
    /// Those of tokens.
    pub(crate) tokens: Option<Arc<TokenKeys>>,
}

/// What the controllers need to know of the cluster.
pub(crate) fn options(arguments: &Api, authority: &str, keys: Keys) -> Result<Options> {
    let signer = keys.authority;
    let signer = signer.map(|pki| Arc::new(ClusterSigner(pki)) as Arc<dyn Signer>);
    let ranges_of = ClusterRanges::parse(&arguments.cluster_cidr, &arguments.service_cidr)?;
    Ok(Options {
        pod_ranges: ranges(&arguments.cluster_cidr)?,
        root_ca: authority.to_owned(),
        signer,
        signing_duration: arguments.lives.cluster_signing_duration,
        approve_serving: arguments.lives.approve_kubelet_serving,
        reserved: reserved(arguments)?,
        load_balancer_addresses: checks::load_balancer_addresses(arguments, &ranges_of)?,
        issue_token: keys.tokens.map(issue_token),
    })
}

/// What no node may serve as: the API server, a service, a pod.
fn reserved(arguments: &Api) -> Result<Reserved> {
    let services = checks::service_cidr(&arguments.service_cidr)?;
    let pods = checks::cluster_cidr(&arguments.cluster_cidr)?;
    let server = server_subject(arguments, services, advertised(arguments.bind_address))?;
    Ok(Reserved {
        names: server.dns_names,
        addresses: server.addresses,
        ranges: services.iter().chain(pods.iter()).collect(),
    })
}

/// What signs the tokens that are kept in secrets.
fn issue_token(keys: Arc<TokenKeys>) -> IssueToken {
    Arc::new(move |account, secret| {
        let bound = BoundObject {
            name: account.metadata.name.clone()?,
            uid: account.metadata.uid.clone()?,
        };
        let (namespace, name) = (&secret.metadata.namespace, &secret.metadata.name);
        let claims = LegacyClaims::new(namespace.as_deref()?, &bound, name.as_deref()?);
        keys.issue_legacy(&claims).ok()
    })
}

/// The nodes' ranges of pod addresses.
pub(crate) fn ranges(cluster_cidr: &str) -> Result<NodeRanges> {
    NodeRanges::cut(&checks::cluster_cidr(cluster_cidr)?).ok_or_else(|| {
        anyhow!(
            "--cluster-cidr {cluster_cidr}: at least a /24 of IPv4 and a /64 of IPv6 are expected, for each node gets one, and at most a /48 of IPv6; \
             as 10.244.0.0/16,fd00:10:244::/56"
        )
    })
}

/// Starts the wanted parts. `client` makes a client that speaks as somebody: every part as itself, each controller as its own
/// service account.
pub(crate) fn start(
    wanted: Parts,
    client: impl Fn(UserInfo) -> Client + Clone + Send + Sync + 'static,
    options: Options,
    identity: &str,
) -> Running {
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    if wanted.scheduler {
        let client = client(UserInfo::authenticated(SCHEDULER, []));
        tasks.spawn(led(
            client.clone(),
            lease("kube-scheduler", identity),
            stop.clone(),
            move |stop| schedule(client.clone(), stop),
        ));
    }
    if wanted.controllers {
        let account = client.clone();
        let client = client(UserInfo::authenticated(CONTROLLER_MANAGER, []));
        let context = Context {
            client: client.clone(),
            accounts: Arc::new(move |name| account(UserInfo::service_account(SYSTEM, name))),
            clock: clock(),
            stop: stop.clone(),
        };
        let run = move |stop| {
            let context = Context {
                stop,
                ..context.clone()
            };
            navarch_controllers::start(context, options.clone())
        };
        tasks.spawn(led(
            client,
            lease("kube-controller-manager", identity),
            stop.clone(),
            run,
        ));
    }
    Running { tasks, stop }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn lease(name: &str, identity: &str) -> LeaseSettings {
    let (duration, retry) = LEASE;
    LeaseSettings {
        namespace: SYSTEM.into(),
        name: name.into(),
        identity: identity.to_owned(),
        duration,
        retry,
    }
}

async fn schedule(client: Client, stop: CancellationToken) {
    let nodes = Informer::start(client.clone(), InformerOptions::default());
    let pods = Informer::start(client.clone(), InformerOptions::default());
    let scheduler = Scheduler {
        client,
        clock: clock(),
        nodes,
        pods,
    };
    navarch_scheduler::run(scheduler, stop).await;
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn what_the_server_is_called_by_is_no_nodes() {
        let flags = [
            "navarch",
            "server",
            "--bind-address=198.51.100.7",
            "--tls-san=api.example,198.51.100.8",
        ];
        let Command::Server(server) = Cli::parse_from(flags).command else {
            panic!("another command");
        };
        let is = reserved(&server.api).unwrap();
        let told = |addresses: &[std::net::IpAddr]| {
            let texts = addresses.iter().map(ToString::to_string);
            texts.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            told(&is.addresses),
            "127.0.0.1 10.96.0.1 198.51.100.7 198.51.100.8"
        );
        for name in ["localhost", "kubernetes.default.svc", "api.example"] {
            assert!(is.names.iter().any(|it| it == name), "{name}");
        }
        let ranges =
            ["10.96.0.0/16", "10.244.0.0/16"].map(|it| it.parse::<ipnet::IpNet>().unwrap());
        assert_eq!(is.ranges, ranges);
    }
}
