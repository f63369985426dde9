//! The ServiceCIDR `kubernetes`: what the server was told of addresses of services, as an object.

use k8s_openapi::api::networking::v1::ServiceCIDR;
use navarch_api::call::{Answer, Body, Endpoint, PatchKind};
use navarch_api::def::Verb;
use navarch_api::networking::service_cidr::{DEFAULT, READY, cidrs};
use navarch_machinery::status::Result;
use navarch_machinery::time::{format, seconds};
use serde_json::json;

use super::{call, ensure};
use crate::ApiServer;

const GROUP: &str = "networking.k8s.io";
const PLURAL: &str = "servicecidrs";

impl ApiServer {
    /// Makes it, and says that it is ready if nobody has said anything about that.
    pub(super) async fn bootstrap_service_cidr(&self, me: &dyn Endpoint) -> Result<()> {
        let ranges = self.services.addresses.iter();
        let ranges: Vec<String> = ranges.map(|range| range.to_string()).collect();
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
            "metadata": {"name": DEFAULT}, "spec": {"cidrs": ranges},
        });
        ensure(me, GROUP, PLURAL, None, DEFAULT, object).await?;
        let get = call(Verb::Get, GROUP, PLURAL, None, Some(DEFAULT), Body::None);
        let Answer::Object(object) = me.call(get).await? else {
            return Ok(());
        };
        let object = object.as_any().downcast_ref::<ServiceCIDR>();
        let stored = object.map(cidrs).unwrap_or_default();
        if stored.len() < ranges.len() && ranges.starts_with(stored) {
            // A cluster that has got the other family.
            let body = Body::Patch(PatchKind::Merge, json!({"spec": {"cidrs": ranges}}));
            me.call(call(Verb::Patch, GROUP, PLURAL, None, Some(DEFAULT), body))
                .await?;
        } else if stored != ranges {
            tracing::warn!(?stored, told = ?ranges, "services have their addresses from other ranges than this server was told");
        }
        if object.is_some_and(|object| cidrs(object) == ranges && says_nothing(object)) {
            self.say_ready(me).await?;
        }
        Ok(())
    }

    async fn say_ready(&self, me: &dyn Endpoint) -> Result<()> {
        let now = format(&seconds(self.clock.now()));
        let ready = json!({"status": {"conditions": [{
            "type": READY, "status": "True", "reason": "", "lastTransitionTime": now,
            "message": "Kubernetes default Service CIDR is ready",
        }]}});
        let body = Body::Patch(PatchKind::Merge, ready);
        let mut patch = call(Verb::Patch, GROUP, PLURAL, None, Some(DEFAULT), body);
        patch.subresource = Some("status".into());
        me.call(patch).await.map(|_| ())
    }
}

fn says_nothing(object: &ServiceCIDR) -> bool {
    let status = object.status.iter();
    let mut conditions = status.flat_map(|status| status.conditions.iter().flatten());
    !conditions.any(|condition| condition.type_ == READY)
}
