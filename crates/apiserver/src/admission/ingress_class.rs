//! DefaultIngressClass: which class an ingress is of that names none.

use std::cmp::Reverse;

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use navarch_api::networking::ingress::CLASS;
use navarch_api::networking::ingress_class::is_default;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use super::{Attributes, Layer, Operation};

pub(super) struct DefaultIngressClass;

impl Layer for DefaultIngressClass {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let ingress = object.as_any_mut().downcast_mut::<Ingress>();
        let Some(ingress) = ingress.filter(|_| attributes.operation == Operation::Create) else {
            return Ok(());
        };
        let annotations = ingress.metadata.annotations.as_ref();
        let is_annotated = annotations.is_some_and(|annotations| annotations.contains_key(CLASS));
        let spec = ingress.spec.get_or_insert_default();
        if spec.ingress_class_name.is_none() && !is_annotated {
            spec.ingress_class_name = default_class(attributes)?;
        }
        Ok(())
    }
}

/// The newest of the default classes; of those that are as new, the first by name.
fn default_class(attributes: &Attributes<'_>) -> Result<Option<String>> {
    let Some(served) = attributes.directory.of::<IngressClass>() else {
        return Ok(None);
    };
    let mut found = Ok(None);
    attributes
        .snapshot
        .scan(&served.prefix, None, &mut |entry| {
            match served.decode(entry) {
                Ok(object) => {
                    let class = object.as_any().downcast_ref::<IngressClass>();
                    if let (Some(class), Ok(best)) =
                        (class.filter(|class| is_default(class)), &mut found)
                    {
                        let meta = &class.metadata;
                        let made = meta.creation_timestamp.as_ref().map(|time| time.0);
                        let rank = (Reverse(made), meta.name.clone().unwrap_or_default());
                        if best.as_ref().is_none_or(|best| rank < *best) {
                            *best = Some(rank);
                        }
                    }
                }
                Err(error) => found = Err(error),
            }
            found.is_ok()
        });
    Ok(found?.map(|(_, name)| name))
}
