//! Volume attributes classes: what of a volume can be changed while it is used.

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::VolumeAttributesClass;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::parameters;
use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

impl Hooks for VolumeAttributesClass {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "DriverName",
            "string",
            "",
            0,
            "Name of the CSI driver This field is immutable.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.parameters);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    // The change is told before what is wrong by itself.
    fn validate_create(&self) -> ErrorList {
        let path = Path::new("parameters");
        let mut errors = parameters::check_provisioner(&self.driver_name, &Path::new("driverName"));
        errors.extend(parameters::check(self.parameters.as_ref(), &path));
        if self.parameters.is_none() {
            let detail = "must contain at least one key/value pair";
            errors.push(Error::required(&path, detail));
        }
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = ErrorList::new();
        if self.driver_name != old.driver_name {
            let detail = "updates to driverName are forbidden.";
            errors.push(Error::forbidden(&Path::new("driverName"), detail));
        }
        if self.parameters != old.parameters {
            let detail = "updates to parameters are forbidden.";
            errors.push(Error::forbidden(&Path::new("parameters"), detail));
        }
        errors.extend(self.validate_create());
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            self.driver_name.as_str().into(),
            cell::age(&self.metadata, now),
        ]
    }
}
