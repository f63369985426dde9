//! An object of any kind, as the parts that do not care for the kind see it.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

/// Any Kubernetes object in decoded form.
pub trait Object: Any + Debug + Send + Sync {
    /// `apps/v1`, or `v1` in the core group.
    fn api_version(&self) -> &str;
    /// `Deployment`.
    fn kind(&self) -> &str;
    /// Its metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// Its metadata, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// Appends its JSON form, `apiVersion` and `kind` included.
    fn encode(&self, out: &mut Vec<u8>);
    /// A copy.
    fn clone_object(&self) -> Box<dyn Object>;
    /// For a look at the concrete type.
    fn as_any(&self) -> &dyn Any;
    /// For a change of the concrete type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// For sharing the concrete type.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// For taking the concrete type out.
    fn into_any_box(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// A Kubernetes type with full object metadata, as k8s-openapi generates it.
pub trait Typed:
    k8s_openapi::Resource
    + k8s_openapi::Metadata<Ty = ObjectMeta>
    + serde::de::DeserializeOwned
    + Serialize
    + Clone
    + Debug
    + Default
    + PartialEq
    + Send
    + Sync
    + 'static
{
}

impl<T> Typed for T where
    T: k8s_openapi::Resource
        + k8s_openapi::Metadata<Ty = ObjectMeta>
        + serde::de::DeserializeOwned
        + Serialize
        + Clone
        + Debug
        + Default
        + PartialEq
        + Send
        + Sync
        + 'static
{
}

impl<T: Typed> Object for T {
    fn api_version(&self) -> &str {
        T::API_VERSION
    }

    fn kind(&self) -> &str {
        T::KIND
    }

    fn metadata(&self) -> &ObjectMeta {
        k8s_openapi::Metadata::metadata(self)
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        k8s_openapi::Metadata::metadata_mut(self)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        // Kubernetes' types hold only strings as keys and no foreign Serialize code, so writing to memory cannot fail.
        let _ = serde_json::to_writer(out, self);
    }

    fn clone_object(&self) -> Box<dyn Object> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn into_any_box(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The object as a `T`, if it is one.
pub fn downcast<T: Typed>(object: Arc<dyn Object>) -> Option<Arc<T>> {
    object.into_any().downcast::<T>().ok()
}
