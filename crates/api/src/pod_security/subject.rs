//! What is checked: a pod, or the template of pods that an object has.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    Pod, PodSpec, PodTemplate, PodTemplateSpec, ReplicationController,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::object::Object;

/// A pod's annotations and spec.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its annotations.
    pub annotations: Option<&'a BTreeMap<String, String>>,
    /// What it asks for.
    pub spec: &'a PodSpec,
}

impl<'a> Subject<'a> {
    /// A pod. `None` where it has no spec.
    pub fn of(pod: &'a Pod) -> Option<Self> {
        Self::new(Some(&pod.metadata), pod.spec.as_ref())
    }

    fn new(meta: Option<&'a ObjectMeta>, spec: Option<&'a PodSpec>) -> Option<Self> {
        let annotations = meta.and_then(|meta| meta.annotations.as_ref());
        spec.map(|spec| Self { annotations, spec })
    }
}

/// The template of the pods that an object makes, if it is of a built-in kind that makes pods.
pub fn template_of(object: &dyn Object) -> Option<Subject<'_>> {
    let any = object.as_any();
    let template = if let Some(it) = any.downcast_ref::<Deployment>() {
        it.spec.as_ref().map(|spec| &spec.template)
    } else if let Some(it) = any.downcast_ref::<ReplicaSet>() {
        it.spec.as_ref().and_then(|spec| spec.template.as_ref())
    } else if let Some(it) = any.downcast_ref::<DaemonSet>() {
        it.spec.as_ref().map(|spec| &spec.template)
    } else if let Some(it) = any.downcast_ref::<StatefulSet>() {
        it.spec.as_ref().map(|spec| &spec.template)
    } else if let Some(it) = any.downcast_ref::<Job>() {
        it.spec.as_ref().map(|spec| &spec.template)
    } else if let Some(it) = any.downcast_ref::<CronJob>() {
        let job = it.spec.job_template.spec.as_ref();
        job.map(|spec| &spec.template)
    } else if let Some(it) = any.downcast_ref::<ReplicationController>() {
        it.spec.as_ref().and_then(|spec| spec.template.as_ref())
    } else if let Some(it) = any.downcast_ref::<PodTemplate>() {
        it.template.as_ref()
    } else {
        None
    };
    template.and_then(|it: &PodTemplateSpec| Subject::new(it.metadata.as_ref(), it.spec.as_ref()))
}
