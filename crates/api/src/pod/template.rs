//! Templates of pods: those in controllers, and the kind PodTemplate.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PodTemplate, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::labels::Selector;
use serde_json::Value;

use super::check::Json;
use super::spec::{self, Of};
use super::{annotations, columns, defaults, equality, warnings};
use crate::def::Column;
use crate::metadata::{format_labels, validate_annotations, validate_labels};
use crate::strategy::{Hooks, Part};
use crate::{cell, naming};

/// Checks the template of a controller whose `selector` must match its labels; `path` is the template's.
///
/// An empty selector is not compared: that it is refused is for the controller's own checks. Nor is one that is no selector.
pub fn validate_template(
    template: &PodTemplateSpec,
    selector: Option<&LabelSelector>,
    path: &Path,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(selector) = selector {
        check_selected(&mut errors, template, selector, path);
    }
    errors.extend(validate_template_alone(template, path));
    errors
}

fn check_selected(
    errors: &mut ErrorList,
    template: &PodTemplateSpec,
    selector: &LabelSelector,
    path: &Path,
) {
    let labels = template
        .metadata
        .as_ref()
        .and_then(|meta| meta.labels.as_ref());
    let selected = match Selector::from_label_selector(Some(selector)) {
        Ok(selector) => selector.is_empty() || selector.selects(labels),
        // What can be no label may be selected by, as the selectors of replication controllers are not checked.
        Err(_) => selector
            .match_labels
            .iter()
            .flatten()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value)),
    };
    if !selected {
        let detail = "`selector` does not match template `labels`";
        errors.push(Error::invalid(
            &path.child("metadata").child("labels"),
            Json::of(&labels),
            detail,
        ));
    }
}

/// Checks a template that no selector is about, as a job's; `path` is the template's.
pub fn validate_template_alone(template: &PodTemplateSpec, path: &Path) -> ErrorList {
    let mut errors = validate_template_metadata(template, path);
    let meta = template.metadata.as_ref();
    let notes = meta.and_then(|meta| meta.annotations.as_ref());
    let none = Default::default();
    let spec = template.spec.as_ref().unwrap_or(&none);
    let path = path.child("spec");
    spec::check(&mut errors, &path, spec, Of::Template);
    annotations::check_agreement(&mut errors, &path, notes, spec);
    if !super::absent::items(&spec.ephemeral_containers).is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(Error::forbidden(&path.child("ephemeralContainers"), detail));
    }
    errors
}

/// Checks what a template says beside its spec; `path` is the template's.
pub fn validate_template_metadata(template: &PodTemplateSpec, path: &Path) -> ErrorList {
    let meta = template.metadata.as_ref();
    let (labels, notes) = (
        meta.and_then(|meta| meta.labels.as_ref()),
        meta.and_then(|meta| meta.annotations.as_ref()),
    );
    let mut errors = validate_labels(labels, &path.child("labels"));
    let path = path.child("annotations");
    errors.extend(validate_annotations(notes, &path));
    let none = Default::default();
    let spec = template.spec.as_ref().unwrap_or(&none);
    annotations::check(&mut errors, &path, notes, spec);
    errors
}

/// Warnings about a template; `path` is the template's.
pub fn template_warnings(
    template: &PodTemplateSpec,
    _old: Option<&PodTemplateSpec>,
    path: &Path,
) -> Vec<String> {
    let none = Default::default();
    warnings::of(
        template.spec.as_ref().unwrap_or(&none),
        template.metadata.as_ref(),
        Some(path),
    )
}

/// Drops from a template fields whose features are not on by default, unless `old` has them.
pub fn drop_disabled_template_fields(
    template: &mut PodTemplateSpec,
    old: Option<&PodTemplateSpec>,
) {
    if let Some(spec) = &mut template.spec {
        defaults::drop_disabled(spec, old.and_then(|old| old.spec.as_ref()));
    }
}

impl Hooks for PodTemplate {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Containers",
            "string",
            "",
            0,
            "Names of each container in the template.",
        ),
        Column::of(
            "Images",
            "string",
            "",
            0,
            "Images referenced by each container in the template.",
        ),
        Column::of(
            "Pod Labels",
            "string",
            "",
            0,
            "The labels for the pod template.",
        ),
    ];

    fn apply_defaults(&mut self) {
        defaults::default_template(self.template.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
        if let Some(template) = &mut self.template {
            drop_disabled_template_fields(template, None);
        }
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if let Some(template) = &mut self.template {
            drop_disabled_template_fields(template, old.template.as_ref());
        }
        if !equality::same(&self.template, &old.template) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let none = Default::default();
        validate_template_alone(
            self.template.as_ref().unwrap_or(&none),
            &Path::new("template"),
        )
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let unchanged = old.is_some_and(|old| old.metadata.generation == self.metadata.generation);
        match &self.template {
            Some(template) if !unchanged => {
                template_warnings(template, None, &Path::new("template"))
            }
            _ => Vec::new(),
        }
    }

    fn cells(&self, _now: Timestamp) -> Vec<Value> {
        let template = self.template.as_ref();
        let containers = template
            .and_then(|template| template.spec.as_ref())
            .map_or(&[][..], |spec| &spec.containers);
        let (names, images) = columns::names_and_images(containers);
        let labels = template
            .and_then(|template| template.metadata.as_ref())
            .and_then(|meta| meta.labels.as_ref());
        vec![
            cell::name(&self.metadata),
            names.into(),
            images.into(),
            format_labels(labels).into(),
        ]
    }
}
