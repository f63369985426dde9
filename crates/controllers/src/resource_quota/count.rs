//! Adds up what the objects of a namespace come to.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use navarch_api::call::{Answer, Body, Call, Gvr, Options};
use navarch_api::def::{ResourceDef, Verb};
use navarch_api::quota::{Recount, Resource};
use navarch_api::table;
use navarch_client::Client;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use crate::graph::is_stored;

/// The objects of a page.
const PAGE: u64 = 500;

/// The status that a quota should have, where it has another.
pub(super) async fn count(
    client: &Client,
    quota: &ResourceQuota,
    namespace: &str,
    now: Timestamp,
) -> Result<Option<ResourceQuotaStatus>> {
    let mut count = Recount::new(quota);
    let rows = table::builtin().rows();
    for def in rows.filter(|def| is_stored(def) && def.verbs.contains(&Verb::List)) {
        let resource = Resource::counted(def).filter(|resource| count.needs(*resource));
        let Some(resource) = resource else {
            continue;
        };
        let mut next = String::new();
        loop {
            let (objects, more) = page(client, def, namespace, next).await?;
            for object in objects {
                count.add(resource, &*object, now);
            }
            if more.is_empty() {
                break;
            }
            next = more;
        }
    }
    Ok(count.status())
}

async fn page(
    client: &Client,
    def: &ResourceDef,
    namespace: &str,
    continue_token: String,
) -> Result<(Vec<Arc<dyn Object>>, String)> {
    let call = Call {
        verb: Verb::List,
        resource: Gvr {
            group: def.group.to_string(),
            version: def.version.to_string(),
            resource: def.plural.to_string(),
        },
        namespace: Some(namespace.to_owned()),
        name: None,
        subresource: None,
        body: Body::None,
        options: Options {
            limit: PAGE,
            continue_token,
            ..Options::default()
        },
    };
    match client.call(call).await? {
        Answer::List {
            items,
            continue_token,
            ..
        } => Ok((items, continue_token)),
        _ => Err(StatusError::internal(
            "a list was answered with something else",
        )),
    }
}
