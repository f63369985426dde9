//! Which tokens in secrets are used: written down at the secrets, so that those that nobody uses can be cleaned up, and since when that
//! is so in a configuration map that the cleaner looks at.

use std::sync::Weak;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use navarch_api::call::{Answer, Body, Call, Endpoint, PatchKind};
use navarch_api::def::Verb;
use navarch_machinery::object::downcast;
use navarch_machinery::status::Result;
use serde_json::json;
use tokio::sync::mpsc;

use super::{call, ensure};
use crate::ApiServer;
use crate::authentication::LAST_USED;
use crate::identity::UsedToken;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-apiserver-legacy-service-account-token-tracking";
const SINCE: &str = "since";

/// Says since when uses are written down, unless that is said already.
pub(super) async fn track(me: &dyn Endpoint, now: Timestamp) -> Result<()> {
    let today = now.to_zoned(TimeZone::UTC).date().to_string();
    let data = json!({SINCE: today});
    let metadata = json!({"name": NAME, "namespace": NAMESPACE});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
    ensure(me, "", "configmaps", Some(NAMESPACE), NAME, map).await?;
    let of_map = |verb, body| call(verb, "", "configmaps", Some(NAMESPACE), Some(NAME), body);
    let Answer::Object(there) = me.call(of_map(Verb::Get, Body::None)).await? else {
        return Ok(());
    };
    let since = downcast::<ConfigMap>(there).and_then(|map| map.data.as_ref()?.get(SINCE).cloned());
    if since.is_some_and(|since| since.parse::<Date>().is_ok()) {
        return Ok(());
    }
    let patch = json!({"data": data});
    me.call(of_map(Verb::Patch, Body::Patch(PatchKind::Merge, patch)))
        .await
        .map(drop)
}

/// Writes uses down for as long as the server is there.
pub(super) async fn mark(server: Weak<ApiServer>, mut used: mpsc::Receiver<UsedToken>) {
    let Some(closing) = server.upgrade().map(|server| server.closing.clone()) else {
        return;
    };
    while let Some(Some(used)) = closing.run_until_cancelled(used.recv()).await {
        let Some(server) = server.upgrade() else {
            return;
        };
        if is_marked(&server, &used) {
            // By one that waited before it.
            continue;
        }
        if let Err(error) = server.own_endpoint().call(patch(&used)).await {
            let UsedToken {
                namespace, secret, ..
            } = used;
            tracing::warn!(%error, namespace, secret, "a token's use could not be written down");
        }
    }
}

fn is_marked(server: &ApiServer, used: &UsedToken) -> bool {
    let Some(served) = server.directory.of::<Secret>() else {
        return true;
    };
    let key = served.key(&used.namespace, &used.secret);
    let entry = server.store.snapshot().get(&key);
    let secret = entry.and_then(|entry| served.decode(&entry).ok());
    // One that is gone needs no mark.
    secret.is_none_or(|secret| {
        let labels = secret.metadata().labels.as_ref();
        labels.and_then(|labels| labels.get(LAST_USED)) == Some(&used.day)
    })
}

fn patch(used: &UsedToken) -> Call {
    let patch = json!({"metadata": {"uid": used.uid, "labels": {LAST_USED: used.day}}});
    let body = Body::Patch(PatchKind::Merge, patch);
    let (namespace, secret) = (Some(&*used.namespace), Some(&*used.secret));
    call(Verb::Patch, "", "secrets", namespace, secret, body)
}
