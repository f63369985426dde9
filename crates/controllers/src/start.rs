//! All controllers, with the informers that they share.

use futures::FutureExt;
use futures::future::BoxFuture;
use navarch_client::{Index, Informer, InformerOptions, ListOptions};
use navarch_machinery::object::Typed;

use crate::claim::orphans;
use crate::deployment::{Deployments, replica_set_indices};
use crate::endpoint_slice::{EndpointSlices, slices_by_service};
use crate::node_cidr::{NodeCidrs, Ranges};
use crate::node_lifecycle::{LEASES, NodeLifecycle, pods_by_node};
use crate::pod_gc::PodGc;
use crate::replicaset::ReplicaSets;
use crate::service_account::ServiceAccounts;
use crate::{Context, run};

/// What the controllers need to know of the cluster.
#[derive(Debug, Clone)]
pub struct Options {
    /// The addresses of pods, and how nodes share them.
    pub pod_ranges: Ranges,
    /// The certificate of the cluster's authority, in PEM.
    pub root_ca: String,
}

/// Runs all controllers until the future is dropped.
pub async fn start(context: Context, options: Options) {
    let pods = informer(
        &context,
        vec![Index::CONTROLLER, orphans(), pods_by_node()],
        ListOptions::default(),
    );
    let nodes = informer(&context, vec![], ListOptions::default());
    let replica_sets = informer(&context, replica_set_indices(), ListOptions::default());
    let leases = ListOptions {
        namespace: Some(LEASES.into()),
        ..Default::default()
    };
    let named = |fields: &str| ListOptions {
        field_selector: fields.into(),
        ..Default::default()
    };
    let controllers: Vec<BoxFuture<'static, ()>> = vec![
        run(
            Deployments {
                deployments: informer(&context, vec![], ListOptions::default()),
                replica_sets: replica_sets.clone(),
                pods: pods.clone(),
            },
            context.clone(),
        )
        .boxed(),
        run(
            ReplicaSets {
                replica_sets,
                pods: pods.clone(),
            },
            context.clone(),
        )
        .boxed(),
        run(
            EndpointSlices {
                services: informer(&context, vec![], ListOptions::default()),
                pods: pods.clone(),
                nodes: nodes.clone(),
                slices: informer(&context, vec![slices_by_service()], ListOptions::default()),
            },
            context.clone(),
        )
        .boxed(),
        run(
            ServiceAccounts {
                namespaces: informer(&context, vec![], ListOptions::default()),
                accounts: informer(&context, vec![], named(ServiceAccounts::ACCOUNT_FIELDS)),
                config_maps: informer(&context, vec![], named(ServiceAccounts::CONFIG_MAP_FIELDS)),
                root_ca: options.root_ca,
            },
            context.clone(),
        )
        .boxed(),
        run(
            NodeCidrs {
                nodes: nodes.clone(),
                ranges: options.pod_ranges,
            },
            context.clone(),
        )
        .boxed(),
        run(
            NodeLifecycle::new(
                nodes.clone(),
                informer(&context, vec![], leases),
                pods.clone(),
                context.clock.clone(),
            ),
            context.clone(),
        )
        .boxed(),
        run(PodGc::new(pods, nodes), context).boxed(),
    ];
    futures::future::join_all(controllers).await;
}

fn informer<T: Typed>(context: &Context, indices: Vec<Index<T>>, list: ListOptions) -> Informer<T> {
    Informer::start(context.client.clone(), InformerOptions { list, indices })
}
