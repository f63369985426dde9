//! Resources of a pod as a whole.

use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::entries;
use super::amount;
use super::context::Context;
use super::resource_names::is_hugepages;
use super::resources::{self, Holder};
use super::totals::{container_limits, container_requests};

/// The pod's resources, and that its containers keep within them.
pub(super) fn check(errors: &mut ErrorList, spec_path: &Path, context: &Context<'_>) {
    let Some(own) = &context.spec.resources else {
        return;
    };
    let path = &spec_path.child("resources");
    if context.os() == Some("windows") {
        errors.push(Error::forbidden(path, "may not be set for a windows pod"));
        return;
    }
    if own.claims.is_some() {
        errors.push(Error::forbidden(
            &path.child("claims"),
            "claims may not be set for Resources at pod-level",
        ));
    }
    resources::check(errors, path, own, Holder::Pod, &context.claims);
    let limit_of = |name: &str| own.limits.as_ref().and_then(|limits| limits.get(name));
    for (name, total) in container_requests(context.spec) {
        let Some(request) = own
            .requests
            .as_ref()
            .and_then(|requests| requests.get(&name))
        else {
            continue;
        };
        if amount::compare(&total, request).is_gt() {
            let detail = format!(
                "must be greater than or equal to aggregate container requests of {}",
                amount::shown(&total)
            );
            errors.push(Error::invalid(
                &path.child("requests").key(&name),
                amount::shown(request),
                detail,
            ));
        }
    }
    for (name, total) in container_limits(context.spec)
        .into_iter()
        .filter(|(name, _)| is_hugepages(name))
    {
        if let Some(limit) = limit_of(&name).filter(|limit| amount::compare(&total, limit).is_gt())
        {
            let detail = format!(
                "must be greater than or equal to aggregate container limits of {}",
                amount::shown(&total)
            );
            errors.push(Error::invalid(
                &path.child("limits").key(&name),
                amount::shown(limit),
                detail,
            ));
        }
    }
    for (index, container) in context.spec.containers.iter().enumerate() {
        let Some(resources) = &container.resources else {
            continue;
        };
        for (name, limit) in entries(&resources.limits) {
            if let Some(whole) =
                limit_of(name).filter(|whole| amount::compare(limit, whole).is_gt())
            {
                let path = path
                    .child("containers")
                    .index(index)
                    .key(name)
                    .child("limits");
                let detail = format!(
                    "must be less than or equal to pod limits of {}",
                    amount::shown(whole)
                );
                errors.push(Error::invalid(&path, amount::shown(limit), detail));
            }
        }
    }
}
