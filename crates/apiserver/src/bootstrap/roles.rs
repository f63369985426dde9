//! The roles and bindings that a cluster begins with: put right at every start.

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use navarch_api::call::{Body, Call, Endpoint, Gvr, Options};
use navarch_api::def::Verb;
use navarch_auth::policy::{
    BindingLike, Policy, Reconciled, RoleLike, reconcile_binding, reconcile_role,
};
use navarch_machinery::object::Typed;
use navarch_machinery::status::{Result, StatusError};

use super::flow_control::together;
use crate::ApiServer;

/// How often it is looked again at what others change at the same time.
const ROUNDS: usize = 5;

/// Makes what is missing, and puts right what must be so.
pub(super) async fn ensure(server: &ApiServer, me: &dyn Endpoint) -> Result<()> {
    let (kubernetes, own) = (Policy::bootstrap(), Policy::own());
    let kubernetes = kubernetes.map_err(StatusError::internal)?;
    let own = own.map_err(StatusError::internal)?;
    for _ in 0..ROUNDS {
        let mut steps = steps(server, &kubernetes)?;
        steps.extend(self::steps(server, &own)?);
        if steps.is_empty() {
            return Ok(());
        }
        together(me, steps).await?;
    }
    tracing::warn!("roles and bindings are not all as they should be: somebody changes them");
    Ok(())
}

fn steps(server: &ApiServer, policy: &Policy) -> Result<Vec<Call>> {
    let mut calls = roles::<ClusterRole>(server, &policy.cluster_roles)?;
    calls.extend(roles::<Role>(server, &policy.roles)?);
    calls.extend(bindings(server, &policy.cluster_role_bindings)?);
    calls.extend(bindings(server, &policy.role_bindings)?);
    Ok(calls)
}

fn roles<T: RoleLike + Typed>(server: &ApiServer, wanted: &[T]) -> Result<Vec<Call>> {
    each(server, wanted, |there, wanted| {
        reconcile_role(there, wanted)
    })
}

fn bindings<T: BindingLike + Typed>(server: &ApiServer, wanted: &[T]) -> Result<Vec<Call>> {
    each(server, wanted, |there, wanted| {
        reconcile_binding(there, wanted)
    })
}

fn each<T: Typed>(
    server: &ApiServer,
    wanted: &[T],
    decide: impl Fn(Option<&T>, &T) -> Reconciled<T>,
) -> Result<Vec<Call>> {
    let Some(served) = server.directory.of::<T>() else {
        return Ok(Vec::new());
    };
    let snapshot = server.store.snapshot();
    let mut calls = Vec::new();
    for wanted in wanted {
        let meta = wanted.metadata();
        let name = meta.name.as_deref().unwrap_or_default();
        let key = served.key(meta.namespace.as_deref().unwrap_or_default(), name);
        let there = match snapshot.get(&key) {
            Some(entry) => Some(served.decode(&entry)?),
            None => None,
        };
        let there = there
            .as_ref()
            .and_then(|it| it.as_any().downcast_ref::<T>());
        calls.extend(call(decide(there, wanted)));
    }
    Ok(calls)
}

/// One that is to be made anew is deleted first; the next look finds it missing.
fn call<T: Typed>(what: Reconciled<T>) -> Option<Call> {
    let (verb, object, uid) = match what {
        Reconciled::Nothing => return None,
        Reconciled::Create(object) => (Verb::Create, object, None),
        Reconciled::Update(object) => (Verb::Update, object, None),
        Reconciled::Recreate { uid, object } => (Verb::Delete, object, Some(uid)),
    };
    let meta = object.metadata();
    Some(Call {
        verb,
        resource: Gvr::of::<T>(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone().filter(|_| verb != Verb::Create),
        subresource: None,
        options: Options {
            uid,
            ..Options::default()
        },
        body: match verb {
            Verb::Delete => Body::None,
            _ => Body::Object(Arc::new(object)),
        },
    })
}
