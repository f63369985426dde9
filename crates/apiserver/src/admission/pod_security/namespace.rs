//! A namespace whose labels change: they can be read, and whoever changes them is told which of its pods would not come in now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use navarch_api::pod_security::{Existing, Level, Policy, warnings_of_existing};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Configuration};

/// How long pods that are there are looked at.
const CHECK_TIME: Duration = Duration::from_secs(1);

pub(super) fn check(
    configuration: &Configuration,
    attributes: &Attributes<'_>,
    object: &dyn Object,
    old: Option<&dyn Object>,
    admitted: &mut Admitted,
) -> Result<()> {
    let labels = object.metadata().labels.as_ref();
    let name = object.metadata().name.as_deref().unwrap_or_default();
    let defaults = &configuration.defaults;
    let (policy, errors) = Policy::of(labels, defaults);
    let before = old.map(|old| Policy::of(old.metadata().labels.as_ref(), defaults));
    let are_new = before.as_ref().is_none_or(|(_, before)| *before != errors);
    if !errors.is_empty() && are_new {
        return Err(StatusError::invalid("", "Namespace", name, &errors));
    }
    let (enforce, before) = (policy.enforce, before.map(|(policy, _)| policy.enforce));
    let matters = before.is_none_or(|before| {
        let is_relaxed = enforce.version == before.version && enforce.level <= before.level;
        enforce != before && enforce.level != Level::Privileged && !is_relaxed
    });
    if !matters {
        return Ok(());
    }
    if configuration.exempts_namespace(name) {
        let ignored = policy.ignored(name, labels, defaults);
        admitted.warnings.extend(ignored);
        return Ok(());
    }
    if before.is_none() {
        return Ok(());
    }
    let pods: Vec<Arc<Pod>> = attributes.all_in(name)?;
    let existing = Existing::new(pods.iter().map(|pod| &**pod), |class| {
        configuration.exempts_class(class)
    });
    let began = Instant::now();
    let warnings = warnings_of_existing(name, enforce, &existing, || began.elapsed() < CHECK_TIME);
    admitted.warnings.extend(warnings);
    Ok(())
}
