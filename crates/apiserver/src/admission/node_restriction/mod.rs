//! NodeRestriction: a node writes its own object, its own pods and what is kept for them, and nothing that would let it draw to
//! itself what is not its own. Whether it may write at all, the node authorizer has said.

mod claims;
mod nodes;
mod own_objects;
pub(crate) mod pods;
pub(crate) mod tokens;

use navarch_api::strategy::Part;
use navarch_auth::UserInfo;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

/// Kubernetes' name for the rule.
pub(super) const NAME: &str = "NodeRestriction";

pub(super) struct NodeRestriction;

/// A write of a node.
struct Write<'a> {
    /// The node's name.
    node: &'a str,
    attributes: &'a Attributes<'a>,
    object: &'a dyn Object,
    old: Option<&'a dyn Object>,
}

impl Layer for NodeRestriction {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        check(attributes, object, old)
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        match attributes.operation {
            // What is deleted is not changed before.
            Operation::Delete => check(attributes, object, old),
            _ => Ok(()),
        }
    }
}

fn check(attributes: &Attributes<'_>, object: &dyn Object, old: Option<&dyn Object>) -> Result<()> {
    let Some(node) = attributes.user.node_name() else {
        return Ok(());
    };
    let write = Write {
        node,
        attributes,
        object,
        old,
    };
    if node.is_empty() {
        return Err(write.forbidden(nameless(attributes.user)));
    }
    let def = &attributes.served.def;
    match (&*def.group, &*def.plural) {
        ("", "pods") => pods::check(&write),
        ("", "nodes") => nodes::check(&write),
        ("", "persistentvolumeclaims") => claims::check(&write),
        ("coordination.k8s.io", "leases") => own_objects::check_lease(&write),
        ("storage.k8s.io", "csinodes") => own_objects::check_csi_node(&write),
        ("resource.k8s.io", "resourceslices") => own_objects::check_slice(&write),
        ("certificates.k8s.io", "certificatesigningrequests") => {
            own_objects::check_certificate(&write)
        }
        _ => Ok(()),
    }
}

fn nameless(user: &UserInfo) -> String {
    format!("could not determine node from user {:?}", user.name)
}

impl<'a> Write<'a> {
    fn forbidden(&self, why: impl AsRef<str>) -> StatusError {
        let def = &self.attributes.served.def;
        StatusError::forbidden(&def.group, &def.plural, self.name(), why.as_ref())
    }

    /// The name in the path or, at its creation, the object's.
    fn name(&self) -> &'a str {
        match self.attributes.name {
            "" => self.object.metadata().name.as_deref().unwrap_or_default(),
            name => name,
        }
    }

    fn is_creation(&self) -> bool {
        self.attributes.operation == Operation::Create
    }

    /// The object and the one it replaces.
    fn both<T: 'static>(&self) -> Option<(&'a T, &'a T)> {
        let old = self.old?.as_any().downcast_ref()?;
        Some((self.object.as_any().downcast_ref()?, old))
    }

    /// The part that is written, where something is.
    fn part(&self) -> Option<Part> {
        match self.attributes.operation {
            Operation::Update(part) => Some(part),
            _ => None,
        }
    }
}
