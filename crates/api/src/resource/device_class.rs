//! Device classes: devices of a kind, and how they are set up.

use jiff::Timestamp;
use k8s_openapi::api::resource::v1::DeviceClass;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::check;
use super::selector::{check_opaque, check_selectors};
use crate::cell;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::items;
use crate::pod::is_extended_resource;
use crate::strategy::{Hooks, MetadataRules, Part};

/// The most set-ups of a class.
const MAX_CONFIGS: usize = 32;

impl Hooks for DeviceClass {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.selectors);
        drop_empty(&mut self.spec.config);
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.spec != old.spec {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let path = Path::new("spec");
        let mut errors = ErrorList::new();
        let selectors = items(&self.spec.selectors);
        check_selectors(&mut errors, &path.child("selectors"), selectors);
        check::list(
            &mut errors,
            &path.child("config"),
            items(&self.spec.config),
            MAX_CONFIGS,
            |errors, path, config| check_opaque(errors, path, config.opaque.as_ref()),
        );
        if let Some(name) = &self.spec.extended_resource_name
            && !is_extended_resource(name)
        {
            errors.push(Error::invalid(
                &path.child("extendedResourceName"),
                name,
                "must be a valid extended resource name",
            ));
        }
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
