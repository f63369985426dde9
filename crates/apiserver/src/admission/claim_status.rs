//! Who may write what of a claim's status, as Kubernetes' registry of claims has it: where devices are given, and for whom, only who may
//! bind claims; what a driver says of its devices, only who may speak for that driver on that node or on any.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::resource::v1::{
    AllocatedDeviceStatus, AllocationResult, ResourceClaim, ResourceClaimStatus,
};
use navarch_api::strategy::Part;
use navarch_auth::{Attributes as Asked, Decision, UserInfo};
use navarch_machinery::field::{Error, Path};
use navarch_machinery::names::is_dns1123_subdomain;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};
use crate::pipeline::forbidden;

/// What a token of a pod tells of its node.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

pub(super) struct ClaimStatus;

impl Layer for ClaimStatus {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let status = |object: &dyn Object| {
            let claim = object.as_any().downcast_ref::<ResourceClaim>()?;
            Some(claim.status.clone().unwrap_or_default())
        };
        let changed = status(object).zip(old.and_then(status));
        let Some((new, old)) =
            changed.filter(|_| attributes.operation == Operation::Update(Part::Status))
        else {
            return Ok(());
        };
        let mut errors = check_binding(attributes, &new, &old);
        // Of a claim that has no devices any more what was said of them goes too.
        if new.allocation.is_some() {
            errors.extend(check_drivers(attributes, &new, &old));
        }
        if errors.is_empty() {
            return Ok(());
        }
        let def = &attributes.served.def;
        Err(StatusError::invalid(
            &def.group,
            &def.kind,
            attributes.name,
            &errors,
        ))
    }
}

fn check_binding(
    attributes: &Attributes<'_>,
    new: &ResourceClaimStatus,
    old: &ResourceClaimStatus,
) -> Vec<Error> {
    let given = |status: &ResourceClaimStatus| {
        let reserved = status.reserved_for.clone().unwrap_or_default();
        (status.allocation.clone(), reserved)
    };
    if given(new) == given(old) {
        return Vec::new();
    }
    let verb = attributes.verb;
    let refused = ask(attributes, verb, "binding", ("", "")).err();
    let refused = refused.map(|why| {
        let words = format!(
            "changing status.allocation or status.reservedFor requires resource=\"resourceclaims/binding\", verb=\"{verb}\" permission: {why}"
        );
        Error::forbidden(&Path::new("status").child("allocation"), words)
    });
    refused.into_iter().collect()
}

fn check_drivers(
    attributes: &Attributes<'_>,
    new: &ResourceClaimStatus,
    old: &ResourceClaimStatus,
) -> Vec<Error> {
    let verb = attributes.verb;
    let node = new.allocation.as_ref().and_then(node_of);
    let mut verbs = vec![format!("arbitrary-node:{verb}")];
    if node.is_some_and(|node| runs_on(attributes.user, node)) {
        verbs.insert(0, format!("associated-node:{verb}"));
    }
    let mut errors = Vec::new();
    for driver in changed_drivers(new, old) {
        let place = (attributes.namespace, driver);
        let asked: Vec<_> = verbs
            .iter()
            .map(|verb| ask(attributes, verb, "driver", place))
            .collect();
        if asked.iter().any(|asked| asked.is_ok()) {
            continue;
        }
        let why = asked.into_iter().find_map(std::result::Result::err);
        let words = format!(
            "changing status.devices requires resource=\"resourceclaims/driver\", verb=\"[{}]\" permission: {}",
            verbs.join(" "),
            why.unwrap_or_default()
        );
        errors.push(Error::forbidden(
            &Path::new("status").child("devices"),
            words,
        ));
    }
    errors
}

/// Whether the user may do this to a part that claims have only for permissions; why not otherwise.
fn ask(
    attributes: &Attributes<'_>,
    verb: &str,
    subresource: &str,
    (namespace, name): (&str, &str),
) -> std::result::Result<(), String> {
    let def = &attributes.served.def;
    let asked = Asked {
        verb,
        resource_request: true,
        group: &def.group,
        version: &def.version,
        resource: &def.plural,
        subresource,
        namespace,
        name,
        ..Asked::default()
    };
    match attributes.permissions.decide(attributes.user, &asked) {
        Decision::Allow(_) => Ok(()),
        Decision::NoOpinion(reason) => Err(forbidden(attributes.user, &asked, &reason).message),
    }
}

/// The node that the devices are on, where they are on one.
fn node_of(allocation: &AllocationResult) -> Option<&str> {
    let [term] = &allocation.node_selector.as_ref()?.node_selector_terms[..] else {
        return None;
    };
    let [field] = term.match_fields.as_deref()? else {
        return None;
    };
    let plain = term.match_expressions.as_ref().is_none_or(Vec::is_empty);
    let is_name = field.key == "metadata.name" && field.operator == "In";
    match field.values.as_deref() {
        Some([name]) if plain && is_name && !name.is_empty() => Some(name),
        _ => None,
    }
}

/// Whether it is a service account whose token was given to a pod on this node.
fn runs_on(user: &UserInfo, node: &str) -> bool {
    let told = user.extra.get(NODE_NAME).map(Vec::as_slice);
    user.name.starts_with("system:serviceaccount:")
        && is_dns1123_subdomain(node).is_empty()
        && matches!(told, Some([one]) if one == node)
}

/// The drivers of devices of which something else is said than before, or nothing any more.
fn changed_drivers<'a>(
    new: &'a ResourceClaimStatus,
    old: &'a ResourceClaimStatus,
) -> BTreeSet<&'a str> {
    fn by_device(status: &ResourceClaimStatus) -> BTreeMap<[&str; 4], &AllocatedDeviceStatus> {
        let devices = status.devices.iter().flatten();
        devices
            .map(|it| {
                let share = it.share_id.as_deref().unwrap_or_default();
                ([&*it.driver, &*it.pool, &*it.device, share], it)
            })
            .collect()
    }
    let (new, old) = (by_device(new), by_device(old));
    let keys: BTreeSet<_> = new.keys().chain(old.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|key| new.get(*key) != old.get(*key));
    changed.map(|[driver, ..]| *driver).collect()
}
