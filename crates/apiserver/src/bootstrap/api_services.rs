//! The APIServices of what this server answers for itself.

use std::sync::Arc;

use navarch_api::apiregistration::local_services;
use navarch_api::call::{Body, Endpoint};
use navarch_api::def::Verb;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use super::call;
use crate::ApiServer;

const GROUP: &str = "apiregistration.k8s.io";
const PLURAL: &str = "apiservices";

impl ApiServer {
    /// Makes those that are missing, all at once: what is written together is synced together.
    pub(super) async fn bootstrap_api_services(&self, me: &dyn Endpoint) -> Result<()> {
        let Some(served) = self.directory.find(GROUP, "v1", PLURAL) else {
            return Ok(());
        };
        let snapshot = self.store.snapshot();
        let is_missing = |name: &str| snapshot.get(&served.key("", name)).is_none();
        let services = local_services(&self.directory.table).into_iter();
        let missing = services
            .filter(|service| is_missing(service.metadata.name.as_deref().unwrap_or_default()));
        let creations = missing.map(|service| {
            let object: Arc<dyn Object> = Arc::new(service);
            me.call(call(
                Verb::Create,
                GROUP,
                PLURAL,
                None,
                None,
                Body::Object(object),
            ))
        });
        for created in futures::future::join_all(creations).await {
            match created {
                Err(error) if !error.is_already_exists() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
