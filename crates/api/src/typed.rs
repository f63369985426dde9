//! A [`Strategy`] made of a type's [`Hooks`]: what all kinds have in common is here, once.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;
use navarch_machinery::apply::Scope;
use navarch_machinery::decode::{Root, decode_as, decode_trusted};
use navarch_machinery::field::ErrorList;
use navarch_machinery::object::Object;
use serde_json::Value;

use crate::metadata::{self, Checked};
use crate::naming;
use crate::schema::schema;
use crate::strategy::{Decoded, Hooks, Part, Propagation, Strategy, TypedStrategy, UpdateRules};
use crate::written::{self, Purpose};

fn is<T: Hooks>(object: &dyn Object) -> Option<&T> {
    object.as_any().downcast_ref()
}

/// What new metadata must be in this kind.
fn whole<T: Hooks>(object: &T, checked: &Checked<'_>, namespaced: bool) -> ErrorList {
    let mut errors = checked.whole(namespaced, T::name_errors);
    if T::METADATA.known_finalizers {
        errors.extend(metadata::validate_known_finalizers(object.metadata()));
    }
    errors
}

fn is_mut<T: Hooks>(object: &mut dyn Object) -> Option<&mut T> {
    object.as_any_mut().downcast_mut()
}

// The pipeline hands a strategy only objects that it decoded itself. Should it ever not, nothing is changed and nothing is found,
// and the store refuses what is of another kind.
impl<T: Hooks> Strategy for TypedStrategy<T> {
    fn decode(&self, json: &[u8]) -> Result<Decoded, String> {
        let types = schema();
        let root = || self.ty().map(|ty| Root { types, ty });
        let mut decoded = decode_as::<T>(json, root).map_err(|error| error.to_string())?;
        if let Some(ty) = self.ty()
            && let Some(json) = written::without_empties(&decoded.value, ty, json)
        {
            // We wrote it just now, of a value of this very type.
            decoded.value = decode_trusted(&json).map_err(|error| error.to_string())?;
        }
        decoded.value.after_decode(json);
        Ok(Decoded {
            object: Box::new(decoded.value),
            unknown: decoded.unknown,
            duplicate: decoded.duplicate,
        })
    }

    fn encode(&self, object: &dyn Object, out: &mut Vec<u8>) {
        match self.ty() {
            Some(ty) if is::<T>(object).is_some() => {
                written::write(object, ty, Purpose::Kept, out);
            }
            _ => object.encode(out),
        }
    }

    fn encode_given(&self, object: &dyn Object, out: &mut Vec<u8>) {
        match self.ty() {
            Some(ty) if is::<T>(object).is_some() => {
                written::write(object, ty, Purpose::Owned, out);
            }
            _ => object.encode(out),
        }
    }

    fn settle(&self, object: &mut dyn Object) {
        if let Some(object) = is_mut::<T>(object) {
            object.settle();
        }
    }

    fn decode_stored(&self, json: &[u8]) -> Result<Arc<dyn Object>, String> {
        match decode_trusted::<T>(json) {
            Ok(object) => Ok(Arc::new(object)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn share(&self, decoded: Arc<dyn std::any::Any + Send + Sync>) -> Option<Arc<dyn Object>> {
        decoded
            .downcast::<T>()
            .ok()
            .map(|object| object as Arc<dyn Object>)
    }

    fn apply_defaults(&self, object: &mut dyn Object) {
        if let Some(object) = is_mut::<T>(object) {
            metadata::drop_empty_fields(object.metadata_mut());
            object.apply_defaults();
        }
    }

    fn prepare_for_create(&self, object: &mut dyn Object) {
        if let Some(object) = is_mut::<T>(object) {
            metadata::prepare_for_create(object.metadata_mut());
            object.prepare_for_create();
        }
    }

    fn prepare_for_update(&self, part: Part, object: &mut dyn Object, old: &dyn Object) {
        if let (Some(object), Some(old)) = (is_mut::<T>(object), is::<T>(old)) {
            object.metadata_mut().generation = old.metadata().generation;
            object.prepare_for_update(part, old);
            metadata::prepare_for_update(object.metadata_mut(), old.metadata());
        }
    }

    fn scope(&self, part: Part) -> Scope {
        T::scope(part)
    }

    fn stamp(&self, part: Part, object: &mut dyn Object, old: Option<&dyn Object>, now: Timestamp) {
        if let Some(object) = is_mut::<T>(object) {
            object.stamp(part, old.and_then(is::<T>), now);
        }
    }

    fn validate(&self, object: &dyn Object) -> ErrorList {
        let Some(object) = is::<T>(object) else {
            return ErrorList::new();
        };
        let mut errors = whole(object, &Checked::new(object.metadata()), self.namespaced);
        errors.extend(object.validate());
        errors
    }

    fn validate_create(&self, object: &dyn Object) -> ErrorList {
        is::<T>(object)
            .map(Hooks::validate_create)
            .unwrap_or_default()
    }

    fn validate_update(&self, part: Part, object: &dyn Object, old: &dyn Object) -> ErrorList {
        let (Some(object), Some(old)) = (is::<T>(object), is::<T>(old)) else {
            return ErrorList::new();
        };
        // Kubernetes checks the metadata for all kinds and then again in most, and tells what it finds each time.
        let rules = T::METADATA.of(part);
        let checked = Checked::new(object.metadata());
        let change = checked.change(old.metadata());
        let mut errors = checked.whole(self.namespaced, naming::path_segment);
        errors.extend(change.iter().cloned());
        if rules.change {
            errors.extend(change);
            if rules.known_finalizers {
                errors.extend(metadata::validate_known_finalizers(object.metadata()));
            }
        }
        if rules.whole {
            errors.extend(whole(object, &checked, self.namespaced));
        }
        errors.extend(object.validate_change(part, old));
        errors
    }

    fn warnings(&self, part: Part, object: &dyn Object, old: Option<&dyn Object>) -> Vec<String> {
        let Some(object) = is::<T>(object) else {
            return Vec::new();
        };
        match part {
            Part::Main => object.warnings(old.and_then(is::<T>)),
            Part::Status => object.status_warnings(),
            Part::Other(_) => Vec::new(),
        }
    }

    fn cells(&self, object: &dyn Object, now: Timestamp) -> Vec<Value> {
        is::<T>(object)
            .map(|object| object.cells(now))
            .unwrap_or_default()
    }

    fn field(&self, object: &dyn Object, path: &str) -> Option<String> {
        match path {
            "metadata.name" => Some(object.metadata().name.clone().unwrap_or_default()),
            "metadata.namespace" => Some(object.metadata().namespace.clone().unwrap_or_default()),
            _ => is::<T>(object)?.field(path),
        }
    }

    fn update_rules(&self) -> UpdateRules {
        T::UPDATE
    }

    fn grace_period(&self, object: &dyn Object, asked: Option<i64>) -> Option<i64> {
        is::<T>(object)?.grace_period(asked)
    }

    fn default_propagation(&self) -> Propagation {
        T::PROPAGATION
    }

    fn deletion_warning(&self) -> Option<&'static str> {
        T::DELETION_WARNING
    }

    fn scale(&self, object: &dyn Object) -> Option<Scale> {
        is::<T>(object)?.scale()
    }

    fn set_replicas(&self, object: &mut dyn Object, replicas: i32) {
        if let Some(object) = is_mut::<T>(object) {
            object.set_replicas(replicas);
        }
    }

    fn from_storage_kind(&self, stored: &dyn Object) -> Option<Box<dyn Object>> {
        T::from_storage_kind(stored).map(|object| Box::new(object) as Box<dyn Object>)
    }

    fn to_storage_kind(&self, object: &dyn Object) -> Option<Box<dyn Object>> {
        is::<T>(object)?.to_storage_kind()
    }
}
