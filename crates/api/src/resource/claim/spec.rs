//! What a claim may ask for.

use k8s_openapi::api::resource::v1::{
    DeviceConstraint, DeviceRequest, DeviceSelector, DeviceSubRequest, DeviceToleration,
    ExactDeviceRequest, ResourceClaimSpec,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::names::Names;
use crate::pod::absent::{items, text};
use crate::pod::check::{label, subdomain};
use crate::resource::check;
use crate::resource::identifiers::check_fully_qualified;
use crate::resource::selector::{check_opaque, check_selectors};
use crate::resource::toleration::check_toleration;
use crate::shown::json;

/// The most requests of a claim, and names of requests in a list.
pub(crate) const MAX_REQUESTS: usize = 32;
const MAX_CONSTRAINTS: usize = 32;
/// The most set-ups of a claim.
pub(crate) const MAX_CONFIGS: usize = 32;
/// The most alternatives of a request.
const MAX_SUBREQUESTS: usize = 8;

/// Checks what a claim asks for.
pub(crate) fn check(errors: &mut ErrorList, path: &Path, spec: &ResourceClaimSpec) {
    let Some(claim) = &spec.devices else { return };
    let path = path.child("devices");
    let names = Names::of(Some(claim));
    check::set(
        errors,
        &path.child("requests"),
        items(&claim.requests),
        MAX_REQUESTS,
        |request| request.name.clone(),
        check_request,
    );
    check::list(
        errors,
        &path.child("constraints"),
        items(&claim.constraints),
        MAX_CONSTRAINTS,
        |errors, path, constraint| check_constraint(errors, path, constraint, &names),
    );
    check::list(
        errors,
        &path.child("config"),
        items(&claim.config),
        MAX_CONFIGS,
        |errors, path, config| {
            check_names(errors, path, items(&config.requests), &names);
            check_opaque(errors, path, config.opaque.as_ref());
        },
    );
}

fn check_request(errors: &mut ErrorList, path: &Path, request: &DeviceRequest) {
    label(errors, &path.child("name"), &request.name);
    let alternatives = items(&request.first_available);
    match (&request.exactly, alternatives) {
        (None, []) => errors.push(Error::required(
            path,
            "exactly one of `exactly` or `firstAvailable` is required",
        )),
        (Some(exactly), []) => check_exactly(errors, &path.child("exactly"), exactly),
        (None, _) => check::set(
            errors,
            &path.child("firstAvailable"),
            alternatives,
            MAX_SUBREQUESTS,
            |request| request.name.clone(),
            check_alternative,
        ),
        (Some(_), _) => errors.push(Error::invalid(
            path,
            json(&None::<()>),
            "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
        )),
    }
}

fn check_exactly(errors: &mut ErrorList, path: &Path, it: &ExactDeviceRequest) {
    let wish = Wish {
        class: &it.device_class_name,
        selectors: items(&it.selectors),
        mode: text(&it.allocation_mode),
        count: it.count.unwrap_or_default(),
        tolerations: items(&it.tolerations),
    };
    wish.check(errors, path);
}

fn check_alternative(errors: &mut ErrorList, path: &Path, it: &DeviceSubRequest) {
    label(errors, &path.child("name"), &it.name);
    let wish = Wish {
        class: &it.device_class_name,
        selectors: items(&it.selectors),
        mode: text(&it.allocation_mode),
        count: it.count.unwrap_or_default(),
        tolerations: items(&it.tolerations),
    };
    wish.check(errors, path);
}

/// What a request and an alternative of one have in common.
struct Wish<'a> {
    class: &'a str,
    selectors: &'a [DeviceSelector],
    mode: &'a str,
    count: i64,
    tolerations: &'a [DeviceToleration],
}

impl Wish<'_> {
    fn check(&self, errors: &mut ErrorList, path: &Path) {
        let class = path.child("deviceClassName");
        match self.class {
            "" => errors.push(Error::required(&class, "")),
            name => subdomain(errors, &class, name),
        }
        check_selectors(errors, &path.child("selectors"), self.selectors);
        let count = path.child("count");
        match self.mode {
            "All" if self.count != 0 => {
                let detail = "must not be specified when allocationMode is 'All'";
                errors.push(Error::invalid(&count, self.count, detail));
            }
            "ExactCount" if self.count <= 0 => {
                let detail = "must be greater than zero";
                errors.push(Error::invalid(&count, self.count, detail));
            }
            "All" | "ExactCount" => {}
            mode => errors.push(Error::not_supported(
                &path.child("allocationMode"),
                mode,
                &["All", "ExactCount"],
            )),
        }
        for (at, toleration) in self.tolerations.iter().enumerate() {
            check_toleration(errors, &path.child("tolerations").index(at), toleration);
        }
    }
}

/// Checks a list of names of requests.
pub(crate) fn check_names(
    errors: &mut ErrorList,
    path: &Path,
    requests: &[String],
    names: &Names<'_>,
) {
    check::set(
        errors,
        &path.child("requests"),
        requests,
        MAX_REQUESTS,
        String::clone,
        |errors, path, name| names.check(errors, path, name),
    );
}

fn check_constraint(
    errors: &mut ErrorList,
    path: &Path,
    constraint: &DeviceConstraint,
    names: &Names<'_>,
) {
    check_names(errors, path, items(&constraint.requests), names);
    match (&constraint.match_attribute, &constraint.distinct_attribute) {
        (Some(name), _) => check_fully_qualified(errors, &path.child("matchAttribute"), name),
        (None, Some(name)) => check_fully_qualified(errors, &path.child("distinctAttribute"), name),
        // The words are Kubernetes'.
        (None, None) => errors.push(Error::required(
            path,
            "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set",
        )),
    }
}
