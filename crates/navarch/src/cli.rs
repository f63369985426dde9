//! The command line: what can be said, and what it means when it is not.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use navarch_machinery::names;

mod certificates;
mod net;
mod node;
mod node_flags;

pub(crate) use certificates::{Certs, CreateToken, Lives, Token};
pub(crate) use net::{Check, Net};
pub(crate) use node::{Drain, Node};
pub(crate) use node_flags::{FlowTableUse, NodeArgs, PodEncryption, PodNetworkOf, PodRoutes};

/// Kubernetes, as one program that runs itself.
#[derive(Debug, Parser)]
#[command(
    name = "navarch",
    version,
    args_override_self = true,
    after_help = "Every flag can also be given in the environment (--https-port as NAVARCH_HTTPS_PORT) or in a YAML file \
                  (--config FILE, with `https-port: 7443`). The command line wins over the environment, and that over the file.\n\n\
                  Start here:\n  navarch up --demo\n  export KUBECONFIG=/var/lib/navarch/admin.kubeconfig\n  kubectl get pods -o wide"
)]
pub(crate) struct Cli {
    /// A YAML file with flags: `https-port: 7443`.
    #[arg(long, global = true, env = "NAVARCH_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or by part: `navarch_node=debug,warn`.
    #[arg(
        long,
        global = true,
        env = "NAVARCH_LOG",
        default_value = "warn,kube_client=off",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole cluster, control plane and node, in this process and in the foreground.
    ///
    /// On Ctrl-C or SIGTERM the process stops and leaves the containers running; the next `up` takes them over.
    /// `navarch down` stops them too.
    Up(Up),
    /// Stop the containers and remove all that was made on this host but the data directory.
    ///
    /// Stop `navarch up` (or `agent`) first. Images, logs and the cluster's state stay in the data directory.
    Down(Down),
    /// Run the control plane, or parts of it.
    Server(Server),
    /// Run a node that belongs to the control plane at a URL.
    Agent(Agent),
    /// Import, list and remove container images on this node.
    #[command(subcommand)]
    Image(Image),
    /// Make, list and delete the tokens by which nodes join.
    #[command(subcommand)]
    Token(Token),
    /// Take pods off a node, or a node out of the cluster.
    #[command(subcommand)]
    Node(Node),
    /// Find out whether the network of the cluster is as it should be.
    #[command(subcommand)]
    Net(Net),
    /// Check and renew the certificates of this host.
    #[command(subcommand)]
    Certs(Certs),
    /// Print the administrator's kubeconfig.
    Kubeconfig(Kubeconfig),
    /// Show whether the cluster answers, its nodes and its pods.
    Status(Kubeconfig),
    /// Print the versions of Navarch and of the Kubernetes API it serves.
    Version,
    /// Serve a small web page: the container of the demo.
    Hello(Hello),
}

/// Where things are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataDir {
    /// Where state, certificates, images and logs are kept.
    #[arg(
        long,
        env = "NAVARCH_DATA_DIR",
        default_value = "/var/lib/navarch",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
}

/// The API server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Api {
    /// The port of the API, over HTTPS.
    #[arg(
        long,
        env = "NAVARCH_HTTPS_PORT",
        default_value_t = 6443,
        value_name = "N"
    )]
    pub(crate) https_port: u16,
    /// The address that the API listens on.
    #[arg(
        long,
        env = "NAVARCH_BIND_ADDRESS",
        default_value = "127.0.0.1",
        value_name = "IP"
    )]
    pub(crate) bind_address: IpAddr,
    /// More names or addresses for the API's certificate.
    #[arg(
        long,
        env = "NAVARCH_TLS_SAN",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = certificate_name
    )]
    pub(crate) tls_san: Vec<String>,
    /// Static tokens, one a line: token,user,uid[,"group1,group2"].
    #[arg(long, env = "NAVARCH_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Keys that service account tokens are believed by, beside the one that signs them: PEM, public or private. May be given several
    /// times, and a file may hold several: so a key is exchanged without a token being refused.
    #[arg(
        long,
        env = "NAVARCH_SERVICE_ACCOUNT_KEY_FILE",
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub(crate) service_account_key_file: Vec<PathBuf>,
    /// The key that signs service account tokens: PEM, RSA or ECDSA [default: DIR/pki/sa.key, made at first start].
    #[arg(
        long,
        env = "NAVARCH_SERVICE_ACCOUNT_SIGNING_KEY_FILE",
        value_name = "FILE"
    )]
    pub(crate) service_account_signing_key_file: Option<PathBuf>,
    /// What is encrypted on disk, with which keys: an EncryptionConfiguration. When its first provider is another one than before, all is
    /// written anew at start [default: DIR/pki/encryption.yaml, made at first start: secrets, with AES-GCM].
    #[arg(long, env = "NAVARCH_ENCRYPTION_PROVIDER_CONFIG", value_name = "FILE")]
    pub(crate) encryption_provider_config: Option<PathBuf>,
    /// Where to write the administrator's kubeconfig [default: DIR/admin.kubeconfig].
    #[arg(long, env = "NAVARCH_KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The addresses of services: a range, or one of each family, parted by a comma, the first for services that do not say.
    #[arg(
        long,
        env = "NAVARCH_SERVICE_CIDR",
        default_value = "10.96.0.0/16",
        value_name = "CIDR"
    )]
    pub(crate) service_cidr: String,
    /// The addresses of pods: a range, or one of each family, parted by a comma; each node gets a /24 of IPv4 and a /64 of IPv6.
    #[arg(
        long,
        env = "NAVARCH_CLUSTER_CIDR",
        default_value = "10.244.0.0/16",
        value_name = "CIDR"
    )]
    pub(crate) cluster_cidr: String,
    /// Addresses of the nodes' segments for services of type LoadBalancer: CIDRs and FIRST-LAST, of any family. Nodes answer for those that
    /// are given. Without it such services have their addresses from somebody else.
    #[arg(long, env = "NAVARCH_LOAD_BALANCER_ADDRESSES", value_name = "RANGE,…")]
    pub(crate) load_balancer_addresses: Option<String>,
    /// Admission plugins to enable beside those that are on by default.
    #[arg(
        long,
        env = "NAVARCH_ENABLE_ADMISSION_PLUGINS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) enable_admission_plugins: Vec<String>,
    /// Admission plugins to disable.
    #[arg(
        long,
        env = "NAVARCH_DISABLE_ADMISSION_PLUGINS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) disable_admission_plugins: Vec<String>,
    /// What is said of admission plugins: a file of kind AdmissionConfiguration.
    #[arg(
        long,
        env = "NAVARCH_ADMISSION_CONTROL_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub(crate) admission_control_config_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lives: Lives,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) data: DataDir,
    #[command(flatten)]
    pub(crate) api: Api,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// Deploy the demo: three containers of `navarch hello` behind a service.
    #[arg(long, env = "NAVARCH_DEMO")]
    pub(crate) demo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) data: DataDir,
}

/// A part of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Component {
    /// The API server and the store.
    Api,
    /// The scheduler.
    Scheduler,
    /// The controllers.
    Controllers,
}

#[derive(Debug, Args)]
pub(crate) struct Server {
    #[command(flatten)]
    pub(crate) data: DataDir,
    #[command(flatten)]
    pub(crate) api: Api,
    /// Which parts to run. Without `api`, the others reach it with the kubeconfig.
    #[arg(
        long,
        env = "NAVARCH_COMPONENTS",
        value_delimiter = ',',
        default_value = "api,scheduler,controllers",
        value_name = "LIST"
    )]
    pub(crate) components: Vec<Component>,
}

#[derive(Debug, Args)]
pub(crate) struct Agent {
    #[command(flatten)]
    pub(crate) data: DataDir,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// The API: https://HOST:PORT. May be given several times, with the addresses of one cluster: when one does not answer the next is asked.
    #[arg(
        long,
        env = "NAVARCH_SERVER",
        value_name = "URL",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) server: Vec<String>,
    /// How this node proves itself: a token of `navarch token create`, by which it asks for its certificates, or one that the API knows as
    /// system:node:NAME in the group system:nodes [default: certificates that it has already, or signs with the key in DIR/pki].
    #[arg(long, env = "NAVARCH_TOKEN", value_name = "T")]
    pub(crate) token: Option<String>,
    /// The certificate that the API's is signed with [default: DIR/pki/ca.crt].
    #[arg(long, env = "NAVARCH_CERTIFICATE_AUTHORITY", value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// By which that certificate is known where it is not here yet: sha256:HEX, the digest of its public key.
    #[arg(long, env = "NAVARCH_CA_CERT_HASH", value_name = "HASH")]
    pub(crate) ca_cert_hash: Option<String>,
    /// The addresses of services: as the server has them.
    #[arg(
        long,
        env = "NAVARCH_SERVICE_CIDR",
        default_value = "10.96.0.0/16",
        value_name = "CIDR"
    )]
    pub(crate) service_cidr: String,
    /// The addresses of all pods of the cluster: what is not masqueraded.
    #[arg(
        long,
        env = "NAVARCH_CLUSTER_CIDR",
        default_value = "10.244.0.0/16",
        value_name = "CIDR"
    )]
    pub(crate) cluster_cidr: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Import images from archives (`docker save`, `podman save`, `buildah push oci-archive:`), gzip or zstd or plain.
    Import {
        #[command(flatten)]
        data: DataDir,
        /// The archives.
        #[arg(required = true, value_name = "FILE.tar")]
        files: Vec<PathBuf>,
    },
    /// List the images on this node.
    List {
        #[command(flatten)]
        data: DataDir,
    },
    /// Remove images by name, digest or id.
    Remove {
        #[command(flatten)]
        data: DataDir,
        /// The images.
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Kubeconfig {
    #[command(flatten)]
    pub(crate) data: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct Hello {
    /// The address to listen on.
    #[arg(
        long,
        env = "NAVARCH_LISTEN",
        default_value = "0.0.0.0:8080",
        value_name = "IP:PORT"
    )]
    pub(crate) listen: SocketAddr,
}

/// What a certificate can be for: an address, or a host's name, of which the first part may be `*`.
fn certificate_name(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let complaints = match lower.parse::<IpAddr>() {
        Ok(_) => return Ok(lower),
        Err(_) if lower.starts_with("*.") => names::is_wildcard_dns1123_subdomain(&lower),
        Err(_) => names::is_dns1123_subdomain(&lower),
    };
    match complaints.first() {
        Some(complaint) => Err(format!("neither an address nor a name: {complaint}")),
        None => Ok(lower),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_certificate_is_for_addresses_and_names() {
        for good in ["10.0.0.1", "fd00::1", "api.example.com", "*.Example.com"] {
            assert_eq!(certificate_name(good), Ok(good.to_ascii_lowercase()));
        }
        for bad in ["", "a b", "https://a", "a.*.b", "a:6443"] {
            assert!(certificate_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_flag_can_come_from_the_environment() {
        let mut missing = Vec::new();
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            for argument in command.get_arguments().filter(|a| a.get_long().is_some()) {
                let id = argument.get_id().as_str();
                if !["help", "version"].contains(&id) && argument.get_env().is_none() {
                    missing.push(format!("{} --{id}", command.get_name()));
                }
            }
            commands.extend(command.get_subcommands().cloned());
        }
        assert!(missing.is_empty(), "{missing:?}");
    }
}
