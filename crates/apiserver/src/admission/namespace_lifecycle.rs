//! NamespaceLifecycle: nothing comes into a namespace that is not there or is going, and some namespaces stay.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use navarch_api::def::Special;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::Compare;

use super::{Admitted, Attributes, Layer, Operation, told_name};
use crate::encode::scan;

const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

pub(super) struct NamespaceLifecycle;

impl Layer for NamespaceLifecycle {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        if attributes.operation == Operation::Create {
            guard(attributes, object).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        _: Option<&dyn Object>,
        admitted: &mut Admitted,
    ) -> Result<()> {
        match attributes.operation {
            Operation::Delete if attributes.served.def.special == Special::Namespace => {
                let name = object.metadata().name.as_deref().unwrap_or_default();
                if IMMORTAL.contains(&name) {
                    return Err(StatusError::forbidden(
                        "",
                        "namespaces",
                        name,
                        "this namespace may not be deleted",
                    ));
                }
            }
            // The same look again, now for the transaction: between the two the namespace may have begun to go.
            Operation::Create => admitted.guards.extend(guard(attributes, object)?),
            _ => {}
        }
        Ok(())
    }
}

/// The namespace's version at this moment, if the object is to live in one.
pub(super) fn guard(attributes: &Attributes<'_>, object: &dyn Object) -> Result<Option<Compare>> {
    let namespace = attributes.namespace;
    if namespace.is_empty() {
        return Ok(None);
    }
    let missing = || StatusError::not_found("", "namespaces", namespace);
    let key = format!("namespaces/{namespace}");
    let entry = attributes.snapshot.get(&key).ok_or_else(missing)?;
    if scan::in_metadata(&entry.value, "deletionTimestamp").is_none() {
        return Ok(Some(Compare::Modified(entry.key.clone(), entry.modified)));
    }
    let def = &attributes.served.def;
    let name = told_name(attributes, object);
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let mut error = StatusError::forbidden(&def.group, &def.plural, &name, &why);
    error.details.get_or_insert_default().causes = Some(vec![StatusCause {
        reason: Some("NamespaceTerminating".into()),
        message: Some(format!("namespace {namespace} is being terminated")),
        field: Some("metadata.namespace".into()),
    }]);
    Err(error)
}
