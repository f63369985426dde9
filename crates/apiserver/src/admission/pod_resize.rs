//! PodResize: nobody asks for more than the pod's node has in all. What it has not now, the node waits for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use navarch_api::pod::requests;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::quantity::Quantity;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

/// The types of the causes that tell why a resize is refused.
const PLATFORM: &str = "UnsupportedPlatform";
const CAPACITY: &str = "NodeCapacity";

type Amounts = BTreeMap<String, Text>;

pub(super) struct PodResize;

impl Layer for PodResize {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let Operation::Update(Part::Other("resize")) = attributes.operation else {
            return Ok(());
        };
        let (Some(new), Some(old)) = (pod(object), old.and_then(pod)) else {
            return Ok(());
        };
        let Some(spec) = new.spec.as_ref().filter(|_| new.spec != old.spec) else {
            return Ok(());
        };
        let Some(node) = spec.node_name.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        let refused = |why: &str| {
            let (plural, name) = (&attributes.served.def.plural, &new.metadata.name);
            StatusError::forbidden("", plural, name.as_deref().unwrap_or_default(), why)
        };
        let found = attributes.get::<Node>("", node)?;
        let node = found.ok_or_else(|| refused(&format!("node {node:?} not found")))?;
        match objection(&node, &requests(spec)) {
            None => Ok(()),
            Some((kind, why)) => Err(with_cause(refused(&why), kind)),
        }
    }
}

fn pod(object: &dyn Object) -> Option<&Pod> {
    object.as_any().downcast_ref()
}

/// Why the node cannot give this, and the type of the cause.
fn objection(node: &Node, requests: &Amounts) -> Option<(&'static str, String)> {
    let labels = node.metadata.labels.as_ref();
    if let Some(os) = labels.and_then(|all| all.get("kubernetes.io/os"))
        && os != "linux"
    {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let why = format!("pod resize is only supported on linux nodes, node {name:?} is {os:?}");
        return Some((PLATFORM, why));
    }
    let status = node.status.as_ref();
    let allocatable = status.and_then(|status| status.allocatable.as_ref());
    let mut short = Vec::new();
    for name in ["cpu", "memory"] {
        let read = |list: Option<&Amounts>| {
            let text = list.and_then(|list| list.get(name));
            let read = text.and_then(|text| Quantity::try_from(text).ok());
            read.unwrap_or_default()
        };
        let (wanted, there) = (read(Some(requests)), read(allocatable));
        if wanted > there {
            let number = |it: &Quantity| match name {
                "cpu" => it.milli_value(),
                _ => it.value(),
            };
            short.push(format!(
                "{name}, requested: {}, allocatable: {}",
                number(&wanted),
                number(&there)
            ));
        }
    }
    let short = (!short.is_empty()).then(|| short.join("; "))?;
    let why = format!("node didn't have enough allocatable resources: {short}");
    Some((CAPACITY, why))
}

fn with_cause(mut error: StatusError, kind: &str) -> StatusError {
    let cause = StatusCause {
        reason: Some(kind.to_owned()),
        ..StatusCause::default()
    };
    if let Some(details) = &mut error.details {
        details.causes.get_or_insert_default().push(cause);
    }
    error
}
