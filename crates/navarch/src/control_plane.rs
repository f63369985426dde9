//! The control plane, put together: certificates, store, API server, scheduler, controllers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use ipnet::Ipv4Net;
use navarch_apiserver::{
    AdmissionOptions, ApiServer, Config, Credentials, EncryptedAtRest, Kubelets,
};
use navarch_auth::encryption::Encryption;
use navarch_auth::pki::{self, Pki};
use navarch_auth::{Credential, Issued, MASTERS, StaticTokens, Subject, UserInfo, kubeconfig};
use navarch_client::Client;
use navarch_store::Embedded;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::checks;
use crate::cli::Api;
use crate::layout::Layout;

/// Who issues service account tokens, as Kubernetes calls it.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
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
        let pki = Arc::new(Pki::open(&layout.pki(), ISSUER, now).context("certificates")?);
        let advertised = advertised(arguments.bind_address);
        let subject = server_subject(arguments, service_cidr, advertised)?;
        let tls = server_tls(&pki, "apiserver", &subject, now)?;
        let kubelets = kubelet_client(&pki, now)?;
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
        let tokens_key = Arc::new(pki.token_key().context("certificates")?);
        let api = ApiServer::new(Config {
            authenticator: Arc::new(Credentials::new(
                store.clone(),
                tokens,
                Some(tokens_key.clone()),
            )),
            admission,
            token_key: Some(tokens_key),
            node_proxy: Some(Arc::new(kubelets)),
            table: navarch_api::table::builtin().clone(),
            node_ports: NODE_PORTS,
            advertise: SocketAddr::new(advertised, address.port()),
            service_cidr,
            cluster_dns: checks::cluster_dns(service_cidr),
            store: store.clone(),
        });
        let stop = CancellationToken::new();
        let serving = tokio::spawn(api.clone().serve(listener, Arc::new(tls), stop.clone()));
        api.bootstrap().await.context("first objects")?;
        write_kubeconfig(layout, arguments, &pki, address, now)?;
        step(&format!("API server on https://{address}"));
        Ok(Self {
            api,
            address,
            pki,
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
        let tls = server_tls(&self.pki, "apiserver-pods", &subject, SystemTime::now())?;
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
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = self.serving.await;
        if let Some(serving) = self.serving_pods.into_inner() {
            let _ = serving.await;
        }
    }
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

fn server_subject(arguments: &Api, service_cidr: Ipv4Net, advertised: IpAddr) -> Result<Subject> {
    let first = service_cidr
        .hosts()
        .next()
        .ok_or_else(|| anyhow!("--service-cidr {service_cidr} is empty"))?;
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::V4(first)];
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

/// A rustls certificate chain and key from PEM.
pub(crate) fn chain(
    issued: &Issued,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let certificates =
        CertificateDer::pem_slice_iter(issued.certificate.as_bytes()).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes())?;
    Ok((certificates, key))
}

/// The authority's certificate as what is trusted.
pub(crate) fn trust(authority: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

fn server_tls(pki: &Pki, name: &str, subject: &Subject, now: SystemTime) -> Result<ServerConfig> {
    let (certificates, key) = chain(&pki.server(name, subject, now)?)?;
    let clients = WebPkiClientVerifier::builder(Arc::new(trust(pki.authority.certificate())?))
        .allow_unauthenticated()
        .build()?;
    let mut tls = ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn kubelet_client(pki: &Pki, now: SystemTime) -> Result<Kubelets> {
    let subject = Subject {
        name: "kube-apiserver-kubelet-client".into(),
        group: Some(MASTERS.into()),
        ..Default::default()
    };
    let (certificates, key) = chain(&pki.client("apiserver-kubelet-client", &subject, now)?)?;
    let roots = trust(pki.authority.certificate())?;
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates, key)?;
    Ok(Kubelets::new(tls))
}

fn write_kubeconfig(
    layout: &Layout,
    arguments: &Api,
    pki: &Pki,
    address: SocketAddr,
    now: SystemTime,
) -> Result<()> {
    let subject = Subject {
        name: "kubernetes-admin".into(),
        group: Some(MASTERS.into()),
        ..Default::default()
    };
    let admin = pki.client("admin", &subject, now)?;
    let reachable = if address.ip().is_unspecified() {
        IpAddr::from([127, 0, 0, 1])
    } else {
        address.ip()
    };
    let server = format!("https://{}", SocketAddr::new(reachable, address.port()));
    let document = kubeconfig(
        &server,
        pki.authority.certificate(),
        "kubernetes-admin",
        &Credential::Certificate(&admin),
    );
    let yaml = navarch_machinery::yaml::from_json(document.to_string().as_bytes())?;
    let text = String::from_utf8(yaml)?;
    let mut places = vec![layout.kubeconfig()];
    places.extend(arguments.kubeconfig.clone());
    for place in places {
        if std::fs::read_to_string(&place).is_ok_and(|there| there == text) {
            continue;
        }
        pki::write(&place, &text, 0o600).context("kubeconfig")?;
    }
    Ok(())
}
