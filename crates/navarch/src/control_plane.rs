//! The control plane, put together: certificates, store, API server, scheduler, controllers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};

use navarch_apiserver::{
    AdmissionOptions, ApiServer, Config, Credentials, EncryptedAtRest, Kubelets,
};
use navarch_auth::encryption::Encryption;
use navarch_auth::leaves::{Leaf, Leaves};
use navarch_auth::pki::{self, Pki};
use navarch_auth::{
    Credential, Issued, KUBELET_CLIENT, MASTERS, PublicKey, Purpose, SigningKey, StaticTokens,
    Subject, TokenKeys, UserInfo, kubeconfig,
};
use navarch_client::Client;
use navarch_machinery::ranges::{self, Ranges};
use navarch_node::certificates::Exchangeable;
use navarch_store::Embedded;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::checks;
use crate::cli::Api;
use crate::layout::Layout;
use crate::leaves;

/// Who issues service account tokens, as Kubernetes calls it.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Node ports of services.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// A running API server.
pub(crate) struct ControlPlane {
    /// The server, for calls from this process.
    pub(crate) api: Arc<ApiServer>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The cluster's keys.
    pub(crate) pki: Arc<Pki>,
    /// The keys of service account tokens.
    pub(crate) token_keys: Arc<TokenKeys>,
    /// The certificates that this process shows.
    pub(crate) leaves: Arc<Leaves>,
    upkeep: JoinSet<()>,
    /// Who the server is, for its certificates.
    subject: Subject,
    store: Arc<Embedded>,
    serving: JoinHandle<()>,
    serving_pods: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl ControlPlane {
    /// Starts the API server: certificates and kubeconfig are there when this returns, and it answers.
    pub(crate) async fn start(
        layout: &Layout,
        arguments: &Api,
        step: impl Fn(&str),
    ) -> Result<Self> {
        let now = SystemTime::now();
        let service_cidr = checks::service_cidr(&arguments.service_cidr)?;
        let admission = AdmissionOptions::read(
            &arguments.enable_admission_plugins,
            &arguments.disable_admission_plugins,
            arguments.admission_control_config_file.as_deref(),
        )?;
        let life = Duration::try_from(arguments.lives.certificate_validity_period)?;
        let pki = Pki::open(&layout.pki(), ISSUER, now).context("certificates")?;
        let pki = Arc::new(pki.with_leaf_life(life));
        let leaves = Arc::new(Leaves::new(pki.clone()));
        let advertised = advertised(arguments.bind_address);
        let subject = server_subject(arguments, service_cidr, advertised)?;
        let tls = server_tls(&pki, &leaves, "apiserver", subject.clone(), now)?;
        let kubelets = kubelet_client(&pki, &leaves, now)?;
        step("certificates");
        let tokens = static_tokens(arguments)?;
        let at_rest = Arc::new(EncryptedAtRest::new(encryption(&pki, arguments)?));
        let store = layout.store();
        let open = move || Embedded::open_at_rest(&store, Default::default(), at_rest);
        let opened = tokio::task::spawn_blocking(open).await?;
        let store =
            Arc::new(opened.with_context(|| format!("store in {}", layout.store().display()))?);
        step("store");
        let wanted = SocketAddr::new(arguments.bind_address, arguments.https_port);
        let listener = TcpListener::bind(wanted)
            .await
            .with_context(|| format!("listen on {wanted}"))?;
        let address = listener.local_addr()?;
        let token_keys = Arc::new(token_keys(&pki, arguments)?);
        let api = ApiServer::new(Config {
            clock: navarch_apiserver::Clock::default(),
            authenticator: Arc::new(Credentials::new(
                store.clone(),
                tokens,
                Some(token_keys.clone()),
            )),
            admission,
            token_keys: Some(token_keys.clone()),
            node_proxy: Some(Arc::new(kubelets)),
            table: navarch_api::table::builtin().clone(),
            node_ports: NODE_PORTS,
            advertise: SocketAddr::new(advertised, address.port()),
            service_cidrs: service_cidr,
            cluster_dns: checks::cluster_dns(service_cidr),
            store: store.clone(),
        });
        let stop = CancellationToken::new();
        let serving = tokio::spawn(api.clone().serve(listener, Arc::new(tls), stop.clone()));
        api.bootstrap().await.context("first objects")?;
        leaves.add(administrator(layout, arguments, &pki, address), now)?;
        let mut upkeep = JoinSet::new();
        upkeep.spawn(leaves::keep(leaves.clone(), life));
        let (socket, rotate) = (layout.server_socket(), leaves::rotating(leaves.clone()));
        upkeep.spawn(async move {
            if let Err(error) = leaves::serve(socket, rotate).await {
                tracing::error!(%error, "`navarch certs rotate` cannot reach this process");
            }
        });
        step(&format!("API server on https://{address}"));
        Ok(Self {
            api,
            address,
            pki,
            token_keys,
            leaves,
            upkeep,
            subject,
            store,
            serving,
            serving_pods: Mutex::default(),
            stop,
        })
    }

    /// A client in this process that speaks as somebody, and may do what their roles give them.
    pub(crate) fn client(&self, user: UserInfo) -> Client {
        Client::new(self.api.as_user(user))
    }

    /// Listens for pods too, at the gateway of this host's, where the server listens only for its own host otherwise.
    pub(crate) async fn serve_pods(&self, gateway: IpAddr) -> Result<()> {
        if !self.address.ip().is_loopback() {
            return Ok(());
        }
        let wanted = SocketAddr::new(gateway, self.address.port());
        let listener = TcpListener::bind(wanted)
            .await
            .with_context(|| format!("listen on {wanted}"))?;
        let mut subject = self.subject.clone();
        subject.addresses.push(gateway);
        let name = "apiserver-pods";
        let tls = server_tls(&self.pki, &self.leaves, name, subject, SystemTime::now())?;
        let (api, stop) = (self.api.clone(), self.stop.clone());
        let serving = tokio::spawn(api.serve(listener, Arc::new(tls), stop));
        *self.serving_pods.lock().await = Some(serving);
        self.api
            .advertise_to_pods(wanted)
            .await
            .context("endpoints of the service kubernetes")
    }

    /// Waits until the store can no longer write. Whoever runs the process starts it again, on what is durable.
    pub(crate) async fn failed(&self) -> anyhow::Error {
        self.store.failed().await;
        anyhow!(
            "the store has failed: see the panic above; nothing that was acknowledged is lost, start again"
        )
    }

    /// Stops: no new requests, watches end, what is under way is finished.
    pub(crate) async fn stop(mut self) {
        self.upkeep.shutdown().await;
        self.stop.cancel();
        let _ = self.serving.await;
        if let Some(serving) = self.serving_pods.into_inner() {
            let _ = serving.await;
        }
    }
}

/// The keys of service account tokens.
pub(crate) fn token_keys(pki: &Pki, arguments: &Api) -> Result<TokenKeys> {
    let keys = keys_of_tokens(pki, arguments)?;
    Ok(match arguments.lives.service_account_max_token_expiration {
        Some(longest) => keys.with_longest(longest.as_secs().max(1)),
        None => keys,
    })
}

fn keys_of_tokens(pki: &Pki, arguments: &Api) -> Result<TokenKeys> {
    let mut more = Vec::new();
    for file in &arguments.service_account_key_file {
        let named = || format!("--service-account-key-file {}", file.display());
        let text = std::fs::read_to_string(file).with_context(named)?;
        more.extend(PublicKey::all_from_pem(&text).with_context(named)?);
    }
    let Some(file) = &arguments.service_account_signing_key_file else {
        return pki.token_keys(more).context("certificates");
    };
    let named = || format!("--service-account-signing-key-file {}", file.display());
    let text = std::fs::read_to_string(file).with_context(named)?;
    let signer = SigningKey::from_pem(&text).with_context(named)?;
    Ok(TokenKeys::new(signer, more, ISSUER))
}

/// How the store's values are encrypted on disk.
fn encryption(pki: &Pki, arguments: &Api) -> Result<Encryption> {
    let Some(file) = &arguments.encryption_provider_config else {
        return pki.encryption().context("encryption of the store");
    };
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    Encryption::parse(&text).with_context(|| file.display().to_string())
}

/// The address that others are told: where the server listens or, if that is anywhere, the one that the host's default route begins at.
pub(crate) fn advertised(bound: IpAddr) -> IpAddr {
    // Connecting a datagram socket sends nothing; these addresses are for documentation.
    let v4: (IpAddr, IpAddr) = (
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::new(192, 0, 2, 1).into(),
    );
    let outside = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let v6: (IpAddr, IpAddr) = (Ipv6Addr::UNSPECIFIED.into(), outside.into());
    let routed = |(any, outside): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((outside, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let found = match bound {
        bound if !bound.is_unspecified() => None,
        IpAddr::V4(_) => routed(v4),
        // It takes IPv4 as well.
        IpAddr::V6(_) => routed(v6).or_else(|| routed(v4)),
    };
    found.unwrap_or(bound)
}

fn static_tokens(arguments: &Api) -> Result<StaticTokens> {
    let Some(path) = &arguments.token_file else {
        return Ok(StaticTokens::default());
    };
    let read =
        || -> Result<StaticTokens> { Ok(StaticTokens::parse(&std::fs::read_to_string(path)?)?) };
    read().with_context(|| format!("token file {}", path.display()))
}

/// Whom the API server's certificate names.
pub(crate) fn server_subject(
    arguments: &Api,
    service_cidr: Ranges,
    advertised: IpAddr,
) -> Result<Subject> {
    let first = ranges::nth(service_cidr.first(), 1)
        .ok_or_else(|| anyhow!("--service-cidr {service_cidr} is empty"))?;
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), first];
    if !advertised.is_unspecified() && !addresses.contains(&advertised) {
        addresses.push(advertised);
    }
    let service = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let mut dns_names: Vec<String> = service
        .into_iter()
        .chain(["localhost"])
        .map(str::to_owned)
        .collect();
    for name in &arguments.tls_san {
        match name.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => dns_names.push(name.clone()),
        }
    }
    Ok(Subject {
        name: "kube-apiserver".into(),
        group: None,
        dns_names,
        addresses,
    })
}

/// The authority's certificate as what is trusted.
pub(crate) fn trust(authority: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

fn server_tls(
    pki: &Pki,
    leaves: &Leaves,
    name: &str,
    subject: Subject,
    now: SystemTime,
) -> Result<ServerConfig> {
    let shown = Arc::new(Exchangeable::default());
    let leaf = Leaf {
        name: name.to_owned(),
        subject,
        purpose: Purpose::Server,
        // The authority's own comes along: who knows only its digest can learn it here.
        in_use: leaves::shown_by(shown.clone(), pki.authority.certificate()),
    };
    leaves.add(leaf, now)?;
    let clients = WebPkiClientVerifier::builder(Arc::new(trust(pki.authority.certificate())?))
        .allow_unauthenticated()
        .build()?;
    let mut tls = ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_cert_resolver(shown);
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn kubelet_client(pki: &Pki, leaves: &Leaves, now: SystemTime) -> Result<Kubelets> {
    let shown = Arc::new(Exchangeable::default());
    let leaf = Leaf {
        name: "apiserver-kubelet-client".into(),
        subject: Subject {
            name: KUBELET_CLIENT.into(),
            ..Default::default()
        },
        purpose: Purpose::Client,
        in_use: leaves::shown_by(shown.clone(), ""),
    };
    leaves.add(leaf, now)?;
    let mut tls = rustls::ClientConfig::builder()
        .with_root_certificates(trust(pki.authority.certificate())?)
        .with_client_cert_resolver(shown);
    // A session that is resumed shows the certificate that it began with, also when that has been renewed.
    tls.resumption = rustls::client::Resumption::disabled();
    Ok(Kubelets::new(tls))
}

/// The administrator's certificate, which is shown by kubeconfig files.
fn administrator(layout: &Layout, arguments: &Api, pki: &Pki, address: SocketAddr) -> Leaf {
    let reachable = if address.ip().is_unspecified() {
        IpAddr::from([127, 0, 0, 1])
    } else {
        address.ip()
    };
    let server = format!("https://{}", SocketAddr::new(reachable, address.port()));
    let authority = pki.authority.certificate().to_owned();
    let mut places = vec![layout.kubeconfig()];
    places.extend(arguments.kubeconfig.clone());
    Leaf {
        name: "admin".into(),
        subject: Subject {
            name: "kubernetes-admin".into(),
            group: Some(MASTERS.into()),
            ..Default::default()
        },
        purpose: Purpose::Client,
        in_use: Box::new(move |admin| {
            let written = write_kubeconfig(&places, &server, &authority, admin);
            written.map_err(|error| format!("{error:#}"))
        }),
    }
}

fn write_kubeconfig(
    places: &[PathBuf],
    server: &str,
    authority: &str,
    admin: &Issued,
) -> Result<()> {
    let proof = Credential::Certificate(admin);
    let document = kubeconfig(server, authority, "kubernetes-admin", &proof);
    let yaml = navarch_machinery::yaml::from_json(document.to_string().as_bytes())?;
    let text = String::from_utf8(yaml)?;
    for place in places {
        if std::fs::read_to_string(place).is_ok_and(|there| there == text) {
            continue;
        }
        pki::write(place, &text, 0o600).context("kubeconfig")?;
    }
    Ok(())
}
