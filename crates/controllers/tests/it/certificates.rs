//! Nodes get their certificates with nobody's hand, and nobody else's. Each controller calls by its own account.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use k8s_openapi::api::core::v1::{Node, Secret};
use navarch_api::certificates::{Requested, signers};
use navarch_auth::{Authority, UserInfo};
use navarch_client::Client;
use navarch_controllers::Options;
use navarch_controllers::certificates::serving::Reserved;
use navarch_controllers::certificates::signing::Signer;
use navarch_controllers::node_cidr::NodeRanges;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use serde_json::json;

use crate::cluster::Cluster;

const JOINING: &str = "system:bootstrappers:kubeadm:default-node-token";
const CLIENT: [&str; 2] = ["digital signature", "client auth"];
const SERVER: [&str; 2] = ["digital signature", "server auth"];

struct Own(Authority);

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an authority")
    }
}

impl Signer for Own {
    fn sign(
        &self,
        request: &Requested,
        usages: &[String],
        life: SignedDuration,
        now: Timestamp,
    ) -> Result<String, String> {
        let life = Duration::try_from(life).unwrap();
        let signed = self.0.sign(request, usages, life, SystemTime::from(now));
        signed.map_err(|error| error.to_string())
    }
}

async fn running() -> (Cluster, tokio::task::JoinSet<()>) {
    let cluster = Cluster::start().await;
    let authority = Authority::create("test", SystemTime::now()).unwrap();
    let options = Options {
        pod_ranges: NodeRanges::default(),
        issue_token: None,
        root_ca: authority.certificate().to_owned(),
        signer: Some(Arc::new(Own(authority))),
        signing_duration: SignedDuration::from_hours(1),
        approve_serving: true,
        reserved: Reserved::default(),
        load_balancer_addresses: None,
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(navarch_controllers::start(cluster.context.clone(), options));
    (cluster, tasks)
}

/// Asks as somebody for a certificate of the node `n`, with these names.
async fn ask(
    cluster: &Cluster,
    user: UserInfo,
    (name, signer): (&str, &str),
    usages: [&str; 2],
    names: &[SanType],
) {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let subject = &mut params.distinguished_name;
    subject.push(DnType::OrganizationName, "system:nodes");
    subject.push(DnType::CommonName, "system:node:n");
    params.subject_alt_names = names.to_vec();
    let key = KeyPair::generate().unwrap();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = k8s_openapi::ByteString(pem.into_bytes());
    let request = json!({
        "metadata": {"name": name},
        "spec": {"request": request, "signerName": signer, "usages": usages},
    });
    let request: CertificateSigningRequest = serde_json::from_value(request).unwrap();
    let client = Client::new(cluster.server.as_user(user));
    client.create(request).await.unwrap();
}

/// Waits until a request has been decided upon; answers what was said, and whether a certificate was issued.
async fn decided(cluster: &Cluster, name: &str) -> (Vec<CertificateSigningRequestCondition>, bool) {
    let issued = |request: &CertificateSigningRequest| {
        let status = request.status.clone().unwrap_or_default();
        status.certificate.is_some_and(|it| !it.0.is_empty())
    };
    let said = |request: &CertificateSigningRequest| {
        let status = request.status.clone().unwrap_or_default();
        status.conditions.unwrap_or_default()
    };
    let is_decided = |request: &CertificateSigningRequest| {
        issued(request) || said(request).iter().any(|it| it.type_ == "Failed")
    };
    cluster
        .until::<CertificateSigningRequest>("", name, is_decided)
        .await;
    let request = cluster.client.get(None, name).await.unwrap();
    (said(&request), issued(&request))
}

fn joining() -> UserInfo {
    let groups = ["system:bootstrappers", JOINING].map(str::to_owned);
    UserInfo::authenticated("system:bootstrap:abcdef", groups)
}

#[tokio::test]
async fn a_node_joins_and_renews_with_nobodys_hand() {
    let (cluster, _tasks) = running().await;
    for (user, name, message) in [
        (
            joining(),
            "first",
            "Auto approving kubelet client certificate after SubjectAccessReview.",
        ),
        (
            UserInfo::node("n"),
            "next",
            "Auto approving self kubelet client certificate after SubjectAccessReview.",
        ),
    ] {
        ask(&cluster, user, (name, signers::KUBELET_CLIENT), CLIENT, &[]).await;
        let (said, issued) = decided(&cluster, name).await;
        let [approved] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert_eq!(approved.type_, "Approved");
        assert_eq!(approved.reason.as_deref(), Some("AutoApproved"));
        assert_eq!(approved.message.as_deref(), Some(message));
        assert!(approved.last_update_time.is_some() && issued);
    }
    // It asks before it has told where it is.
    let names = [
        SanType::DnsName("n".try_into().unwrap()),
        SanType::IpAddress([10, 0, 0, 1].into()),
    ];
    let serving = ("serving", signers::KUBELET_SERVING);
    ask(&cluster, UserInfo::node("n"), serving, SERVER, &names).await;
    let addresses = json!([
        {"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "n"},
    ]);
    let node = json!({"metadata": {"name": "n"}, "status": {"addresses": addresses}});
    let node = cluster.create::<Node>(node).await;
    let (said, issued) = decided(&cluster, "serving").await;
    assert!(issued, "{said:?} {node:?}");
}

#[tokio::test]
async fn what_may_not_be_approved_waits_and_what_cannot_be_signed_fails() {
    let (cluster, _tasks) = running().await;
    let stranger = UserInfo::authenticated("eve", ["system:masters".to_owned()]);
    // Permission for all is permission for this; a bootstrapper of another group has none.
    let other = ["system:bootstrappers".to_owned()];
    let mut other = UserInfo::authenticated("system:bootstrap:ffffff", other);
    other.groups.push("system:masters-not".to_owned());
    let kubelet = signers::KUBELET_CLIENT;
    ask(&cluster, stranger, ("masters", kubelet), CLIENT, &[]).await;
    assert!(decided(&cluster, "masters").await.1);
    let given = json!({
        "metadata": {"name": "asks"}, "subjects": [{"kind": "User", "name": "system:bootstrap:ffffff"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-bootstrapper"},
    });
    cluster
        .create::<k8s_openapi::api::rbac::v1::ClusterRoleBinding>(given)
        .await;
    ask(&cluster, other, ("other", kubelet), CLIENT, &[]).await;
    // One that comes later is decided first.
    ask(&cluster, joining(), ("later", kubelet), CLIENT, &[]).await;
    decided(&cluster, "later").await;
    let waiting = |request: &CertificateSigningRequest| {
        let status = request.status.clone().unwrap_or_default();
        status.conditions.is_none() && status.certificate.is_none()
    };
    let request = cluster.client.get(None, "other").await.unwrap();
    assert!(waiting(&request), "{request:?}");

    // An administrator may approve what is none of a node's; nobody signs it.
    let serving = ("wrong", signers::KUBELET_SERVING);
    ask(&cluster, joining(), serving, SERVER, &[]).await;
    let mut request = (*cluster
        .client
        .get::<CertificateSigningRequest>(None, "wrong")
        .await
        .unwrap())
    .clone();
    request.status = serde_json::from_value(
        json!({"conditions": [{"type": "Approved", "status": "True", "reason": "me"}]}),
    )
    .unwrap();
    let approval = navarch_controllers::Action::update_part(request, "approval");
    cluster.client.call(approval.call).await.unwrap();
    let (said, issued) = decided(&cluster, "wrong").await;
    let failed = said.iter().find(|it| it.type_ == "Failed").unwrap();
    assert!(!issued);
    assert_eq!(failed.reason.as_deref(), Some("SignerValidationFailure"));
    let why = "DNS or IP subjectAltName is required";
    assert_eq!(failed.message.as_deref(), Some(why));
}

#[tokio::test]
async fn a_token_goes_when_its_time_is_over() {
    let (cluster, _tasks) = running().await;
    let in_two_seconds = Timestamp::now() + SignedDuration::from_secs(2);
    for (name, end) in [
        ("aaaaaa", in_two_seconds.to_string()),
        ("bbbbbb", "2099-01-01T00:00:00Z".to_owned()),
    ] {
        let secret = json!({
            "metadata": {"name": format!("bootstrap-token-{name}"), "namespace": "kube-system"},
            "type": "bootstrap.kubernetes.io/token", "stringData": {"expiration": end},
        });
        cluster.create::<Secret>(secret).await;
    }
    cluster
        .gone::<Secret>("kube-system", "bootstrap-token-aaaaaa")
        .await;
    assert!(Timestamp::now() >= in_two_seconds, "too early");
    let other = "bootstrap-token-bbbbbb";
    assert!(cluster.is_there::<Secret>("kube-system", other).await);
}
