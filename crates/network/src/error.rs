//! What can go wrong, and what merely works less well.

use std::{io, net::IpAddr, path::PathBuf};

use ipnet::IpNet;

use crate::bandwidth::InvalidBandwidth;
use crate::host_port::HostPort;

/// Why a pod network operation did not happen. Each can be tried again: attach and detach are idempotent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pod asks for a bandwidth that there is not.
    #[error(transparent)]
    Bandwidth(#[from] InvalidBandwidth),
    /// A field of [`Config`](crate::Config) cannot be used; the text names it.
    #[error("invalid pod network configuration: {0}")]
    InvalidConfig(String),
    /// The id cannot name a file: it must be 1 to 128 of `A-Z a-z 0-9 . _ -` and not begin with a dot.
    #[error("invalid sandbox id {0:?}")]
    InvalidSandboxId(String),
    /// Every address of the node's pod CIDR is in use. Passes when a pod goes.
    #[error("no free address in pod CIDR {0}")]
    AddressesExhausted(IpNet),
    /// Another sandbox of this node holds the port.
    #[error("host port {port} is in use by sandbox {holder}")]
    HostPortInUse {
        /// The port that was asked for.
        port: HostPort,
        /// The sandbox that has it.
        holder: String,
    },
    /// The node needs the port itself.
    #[error("host port {port} is where this node receives encrypted packets of other nodes")]
    HostPortOfWireGuard {
        /// The port that was asked for.
        port: HostPort,
    },
    /// The sandbox is being detached; it can be attached again when that is done.
    #[error("sandbox {0} is being detached")]
    Detaching(String),
    /// The network namespace could not be opened or entered.
    #[error("network namespace {path}: {source}")]
    Namespace {
        /// As given by the caller.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An interface of the bridge's name exists and is no bridge.
    #[error("interface {0} exists and is not a bridge")]
    NotABridge(String),
    /// The kernel refused a netlink request.
    #[error("{action}: {source}")]
    Netlink {
        /// What was attempted, as "create veth nv0123".
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// What the pod may send from could not be said.
    #[error("set from which addresses {interface} may send: {source}")]
    Source {
        /// The host's end of its interface.
        interface: String,
        /// Why.
        source: RulesError,
    },
    /// The state directory could not be read or written.
    #[error("pod network state {path}: {source}")]
    State {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The packet rules that were there could not be taken down.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The thread that serves this network is gone.
    #[error("the pod network has stopped")]
    Stopped,
}

/// Why packet rules were not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The `nft` program is neither in `PATH` nor in the system's directories.
    #[error("the nft program is not installed")]
    NftMissing,
    /// `nft` refused the transaction, or could not be run; none of it was applied.
    #[error("nft: {0}")]
    Refused(String),
    /// The kernel refused what it was asked by netlink; none of it was applied.
    #[error("netfilter: {0}")]
    Kernel(String),
}

impl From<io::Error> for RulesError {
    fn from(error: io::Error) -> Self {
        Self::Kernel(error.to_string())
    }
}

/// Why the service proxy could not do its work this time. It goes on trying.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceProxyError {
    /// The tables could not be made.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The kernel refused a netlink request.
    #[error("netfilter: {0}")]
    Netlink(io::Error),
    /// The network namespace could not be entered, or a port not be listened on.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The thread that serves it is gone.
    #[error("the service proxy has stopped")]
    Stopped,
}

/// Why network policies do not hold for a pod, or could not be applied this time. What the kernel had before stays, and it is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The tables could not be made.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The kernel refused a netlink request.
    #[error("netfilter: {0}")]
    Netlink(io::Error),
    /// The network namespace could not be entered.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The pod has policies, and they are not in the kernel.
    #[error("its network policies are not applied: {0}")]
    NotApplied(String),
    /// It was not known in time which policies the pod has.
    #[error("its network policies are not known yet")]
    Late,
    /// The thread that serves it is gone.
    #[error("network policies have stopped")]
    Stopped,
}

/// Why not all ways to other nodes' pods are as they should be. It is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeRoutesError {
    /// Who may send to this node's pods from others could not be said, so there is no tunnel, and no device that encrypts.
    #[error("no tunnel to other nodes: {0}")]
    Rules(#[from] RulesError),
    /// The kernel refused a netlink request.
    #[error("{action}: {source}")]
    Netlink {
        /// What was attempted, as "set routes".
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The node's object does not say by which key packets to this node's pods are encrypted, or says so still.
    #[error("the node's key is not told to others: {0}")]
    NotPublished(navarch_machinery::status::StatusError),
    /// The network namespace could not be entered.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The thread that serves it is gone.
    #[error("nobody keeps the ways to other nodes any more")]
    Stopped,
}

/// Something the node does without. Pods start and reach each other all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Degradation {
    /// Pods do not reach addresses outside the cluster, and host ports are not served.
    #[error("no masquerading and no host ports: {0}")]
    NoRules(RulesError),
    /// The host does not forward packets: pods reach their node and nobody else.
    #[error("forwarding is off: {sysctl} could not be set: {reason}")]
    NoForwarding {
        /// The file below `/proc/sys`.
        sysctl: String,
        /// What the system said.
        reason: String,
    },
    /// Host ports do not answer on the loopback address.
    #[error("host ports do not answer on 127.0.0.1: {sysctl} could not be set: {reason}")]
    NoLoopbackPorts {
        /// The file below `/proc/sys`.
        sysctl: String,
        /// What the system said.
        reason: String,
    },
    /// The host believes any pod that says to be a router of IPv6.
    #[error("pods can pose as routers to this host: {sysctl} could not be set: {reason}")]
    ListensToRouters {
        /// The file below `/proc/sys`.
        sysctl: String,
        /// What the system said.
        reason: String,
    },
    /// Another program's rules drop what is forwarded unless they say otherwise, as Docker's do. Nothing here can overrule
    /// them: the operator lets the bridge through there.
    #[error(
        "table {table} drops forwarded packets by default; let those of the pods' bridge through in it"
    )]
    ForwardingFiltered {
        /// Family and name, as `ip filter`.
        table: String,
    },
    /// Pods that write frames themselves reach their neighbours past the node, or send from another's address: past network policies.
    #[error(
        "pods can reach their neighbours along the bridge, where no rule holds, and send from any address: {0}"
    )]
    Neighbours(RulesError),
    /// The kernel does not have what network policies say. Pods that they select, and that start now, do not.
    #[error("network policies are not applied: {0}")]
    NoPolicies(String),
    /// What policies allow to pods is more than a node holds: these are allowed nothing in a direction in which policies select them.
    #[error(
        "network policies of namespace {namespace} say more than a node holds: {pods} of its pods here are allowed nothing"
    )]
    PoliciesTooLarge {
        /// Where they are.
        namespace: String,
        /// How many addresses of pods that is about.
        pods: usize,
    },
    /// The host ports of one sandbox are not served.
    #[error("host ports of sandbox {sandbox_id} ({address}) are not served: {reason}")]
    NoHostPorts {
        /// The pod's sandbox.
        sandbox_id: String,
        /// The pod's address.
        address: IpAddr,
        /// Why.
        reason: RulesError,
    },
}
