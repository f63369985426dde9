//! All controllers, on informers that they share.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_api::{bootstrap_token, endpoints_applied};
use navarch_client::{Client, EventRecorder, Index, Informer, InformerOptions, ListOptions};
use navarch_machinery::object::Typed;
use tokio::task::JoinSet;

use crate::certificates::approving::CertificateApproving;
use crate::certificates::cleaning::CertificateCleaning;
use crate::certificates::serving::{Reserved, ServingApproving};
use crate::certificates::signing::{CertificateSigning, Signer};
use crate::clusterrole_aggregation::ClusterRoleAggregation;
use crate::deployment::{self, Deployments};
use crate::disruption::Disruption;
use crate::endpoint_slice::{EndpointSlices, slices_by_service};
use crate::endpoint_slice_mirroring::{EndpointSliceMirroring, mirrors_by_service};
use crate::endpoints::EndpointsOfServices;
use crate::endpoints_applied::EndpointsApplied;
use crate::graph::Graph;
use crate::in_use_protection::{AttributesClasses, Claims, Volumes, pods_by_claim};
use crate::legacy_token_cleaner::{self, LegacyTokenCleaner};
use crate::load_balancer_addresses::{LoadBalancerAddresses, Pool};
use crate::node_cidr::{NodeCidrs, NodeRanges};
use crate::node_lifecycle::{self, NodeLifecycle};
use crate::pod_gc::PodGc;
use crate::replicaset::{self, ReplicaSets};
use crate::replication_controller::ReplicationControllers;
use crate::root_ca::RootCaPublisher;
use crate::service_account::ServiceAccounts;
use crate::service_account_tokens::{self, IssueToken, ServiceAccountTokens};
use crate::taint_eviction::TaintEviction;
use crate::token_cleaner::TokenCleaner;
use crate::{Context, Controller, garbage_collection, namespace, resource_quota, run};

/// What the controllers need to know of the cluster.
#[derive(Clone)]
pub struct Options {
    /// The addresses of pods.
    pub pod_ranges: NodeRanges,
    /// The certificate of the cluster's authority in PEM: what pods trust.
    pub root_ca: String,
    /// Signs the tokens that are kept in secrets. Where there is nothing to sign with, these secrets stay as they are.
    pub issue_token: Option<IssueToken>,
    /// Who signs certificates; `None`: nobody does here.
    pub signer: Option<Arc<dyn Signer>>,
    /// No certificate that is signed holds for longer.
    pub signing_duration: SignedDuration,
    /// Whether what nodes serve with is approved without anybody's hand.
    pub approve_serving: bool,
    /// What is approved for no node all the same.
    pub reserved: Reserved,
    /// What services of type `LoadBalancer` get their addresses from; `None`: somebody else gives them theirs.
    pub load_balancer_addresses: Option<Pool>,
}

/// Runs every controller until it is time to stop, and returns when what they had begun is done. It is for one process at a time: see
/// `navarch_client::Elector`. Where the future is dropped they are ended where they are, and calls that they have made may still be carried out.
pub async fn start(context: Context, options: Options) {
    let mut running = spawn(&context, &options);
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(()) if context.stop.is_cancelled() => {}
            // The whole process ends.
            Err(error) if error.is_cancelled() => {}
            // One that panics takes the others with it, so that the next leader takes over.
            ended => {
                tracing::error!(?ended, "a controller has ended");
                context.stop.cancel();
            }
        }
    }
}

fn informer<T: Typed>(client: &Client, indices: Vec<Index<T>>) -> Informer<T> {
    Informer::start(
        client.clone(),
        InformerOptions {
            list: ListOptions::default(),
            indices,
        },
    )
}

/// Only the objects with these fields.
fn selected<T: Typed>(client: &Client, namespace: Option<&str>, fields: &str) -> Informer<T> {
    let list = ListOptions {
        namespace: namespace.map(str::to_owned),
        field_selector: fields.to_owned(),
        ..ListOptions::default()
    };
    Informer::start(
        client.clone(),
        InformerOptions {
            list,
            indices: Vec::new(),
        },
    )
}

fn pod_indices() -> Vec<Index<Pod>> {
    let mut indices = replicaset::pod_indices();
    indices.push(node_lifecycle::pods_by_node());
    indices.push(pods_by_claim());
    indices
}

fn spawn(context: &Context, options: &Options) -> JoinSet<()> {
    let (client, clock) = (&context.client, &context.clock);
    let (nodes, services) = (informer(client, vec![]), informer(client, vec![]));
    let namespaces = informer(client, vec![]);
    let pods = informer(client, pod_indices());
    let replica_sets = informer(client, deployment::replica_set_indices());
    let (deployments, controllers) = (informer(client, vec![]), informer(client, vec![]));
    let graph = Graph::start(client);
    let mut running = JoinSet::new();

    running.spawn(run(
        Disruption {
            budgets: informer(client, vec![]),
            pods: pods.clone(),
            deployments: deployments.clone(),
            replica_sets: replica_sets.clone(),
            controllers: controllers.clone(),
            stateful_sets: informer(client, vec![]),
        },
        context.clone(),
    ));
    running.spawn(run(
        Deployments {
            deployments,
            replica_sets: replica_sets.clone(),
            pods: pods.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(
        ReplicaSets {
            replica_sets,
            pods: pods.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(
        ReplicationControllers {
            controllers,
            pods: pods.clone(),
        },
        context.clone(),
    ));
    let slices = informer(client, vec![slices_by_service(), mirrors_by_service()]);
    let endpoints = informer(client, vec![]);
    running.spawn(run(
        LoadBalancerAddresses {
            services: services.clone(),
            nodes: nodes.clone(),
            pool: options.load_balancer_addresses.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(
        EndpointSlices {
            services: services.clone(),
            pods: pods.clone(),
            nodes: nodes.clone(),
            slices: slices.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(
        EndpointSliceMirroring {
            services: services.clone(),
            endpoints: endpoints.clone(),
            slices,
        },
        context.clone(),
    ));
    running.spawn(run(
        EndpointsOfServices::new(services, pods.clone(), endpoints),
        context.clone(),
    ));
    running.spawn(run(
        ServiceAccounts {
            namespaces: namespaces.clone(),
            accounts: selected(client, None, ServiceAccounts::ACCOUNT_FIELDS),
        },
        context.clone(),
    ));
    running.spawn(run(
        RootCaPublisher {
            namespaces: namespaces.clone(),
            config_maps: selected(client, None, RootCaPublisher::CONFIG_MAP_FIELDS),
            root_ca: options.root_ca.clone(),
        },
        context.clone(),
    ));
    let accounts = informer(client, vec![service_account_tokens::accounts_by_secret()]);
    let tokens = Informer::start(
        client.clone(),
        InformerOptions {
            list: ListOptions {
                field_selector: service_account_tokens::SECRET_FIELDS.to_owned(),
                ..ListOptions::default()
            },
            indices: vec![service_account_tokens::secrets_by_account()],
        },
    );
    if let Some(issue) = options.issue_token.clone() {
        running.spawn(run(
            ServiceAccountTokens {
                secrets: tokens.clone(),
                accounts: accounts.clone(),
                root_ca: options.root_ca.clone(),
                issue,
            },
            context.clone(),
        ));
    }
    let tracking = legacy_token_cleaner::TRACKING_FIELDS;
    running.spawn(run(
        LegacyTokenCleaner {
            secrets: tokens,
            accounts,
            pods: pods.clone(),
            tracking: selected(client, Some("kube-system"), tracking),
        },
        context.clone(),
    ));
    let roles = informer(client, vec![]);
    running.spawn(run(ClusterRoleAggregation { roles }, context.clone()));
    let tokens = Some(bootstrap_token::NAMESPACE);
    running.spawn(run(
        TokenCleaner {
            tokens: selected(client, tokens, TokenCleaner::FIELDS),
        },
        context.clone(),
    ));
    certificates(&mut running, context, options, &nodes);
    running.spawn(run(
        NodeCidrs {
            nodes: nodes.clone(),
            ranges: options.pod_ranges.clone(),
        },
        context.clone(),
    ));
    let leases = selected(client, Some(node_lifecycle::LEASES), "");
    let fields = EndpointsApplied::CONFIG_MAP_FIELDS;
    running.spawn(run(
        EndpointsApplied {
            nodes: nodes.clone(),
            leases: leases.clone(),
            maps: selected(client, Some(endpoints_applied::NAMESPACE), fields),
        },
        context.clone(),
    ));
    let own = context.of_account(NodeLifecycle::ACCOUNT).client;
    let recorder = EventRecorder::start(own, NodeLifecycle::NAME, "", clock.clone());
    let lifecycle =
        NodeLifecycle::new(nodes.clone(), leases, pods.clone(), clock.clone(), recorder);
    running.spawn(run(lifecycle, context.clone()));
    running.spawn(run(
        TaintEviction::new(nodes.clone(), pods.clone(), clock.clone()),
        context.clone(),
    ));
    let (claims, volumes) = (informer(client, vec![]), informer(client, vec![]));
    running.spawn(run(
        Claims {
            claims: claims.clone(),
            pods: pods.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(
        AttributesClasses {
            classes: informer(client, vec![]),
            claims,
            volumes: volumes.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(Volumes { volumes }, context.clone()));
    running.spawn(resource_quota::run(
        informer(client, vec![]),
        pods.clone(),
        context.clone(),
    ));
    running.spawn(run(PodGc::new(pods, nodes), context.clone()));
    running.spawn(namespace::run(namespaces, graph.clone(), context.clone()));
    running.spawn(garbage_collection::run(graph, context.clone()));
    running
}

fn certificates(
    running: &mut JoinSet<()>,
    context: &Context,
    options: &Options,
    nodes: &Informer<Node>,
) {
    let requests = informer(&context.client, vec![]);
    running.spawn(run(
        CertificateApproving {
            requests: requests.clone(),
        },
        context.clone(),
    ));
    running.spawn(run(
        CertificateCleaning {
            requests: requests.clone(),
        },
        context.clone(),
    ));
    if options.approve_serving {
        running.spawn(run(
            ServingApproving {
                requests: requests.clone(),
                nodes: nodes.clone(),
                reserved: options.reserved.clone(),
            },
            context.clone(),
        ));
    }
    if let Some(signer) = options.signer.clone() {
        let longest = options.signing_duration;
        running.spawn(run(
            CertificateSigning {
                requests,
                signer,
                longest,
            },
            context.clone(),
        ));
    }
}
