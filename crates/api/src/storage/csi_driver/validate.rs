//! What a driver may say of itself.

use k8s_openapi::api::storage::v1::{CSIDriverSpec, TokenRequest};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::check::{immutable, one_of};
use crate::pod::absent::items;

const GROUP_POLICIES: &[&str] = &["File", "None", "ReadWriteOnceWithFSType"];
const LIFECYCLES: &[&str] = &["Persistent", "Ephemeral"];
/// The least seconds between looks at how many volumes a node can have.
const MIN_UPDATE_PERIOD: i64 = 10;
/// The shortest and the longest life of a token, in seconds.
const MIN_EXPIRATION: i64 = 10 * 60;
const MAX_EXPIRATION: i64 = 1 << 32;

// What must be there is so by default: it is not checked again.
pub(super) fn spec(spec: &CSIDriverSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    if let Some(policy) = &spec.fs_group_policy {
        errors.extend(one_of(policy, GROUP_POLICIES, &path.child("fsGroupPolicy")));
    }
    let requests = items(&spec.token_requests);
    errors.extend(token_requests(requests, &path.child("tokenRequests")));
    for mode in items(&spec.volume_lifecycle_modes) {
        errors.extend(one_of(
            mode,
            LIFECYCLES,
            &path.child("volumeLifecycleModes"),
        ));
    }
    let period = spec.node_allocatable_update_period_seconds;
    if let Some(period) = period.filter(|period| *period < MIN_UPDATE_PERIOD) {
        errors.push(Error::invalid(
            &path.child("nodeAllocatableUpdatePeriodSeconds"),
            period,
            "must be greater than or equal to 10 seconds",
        ));
    }
    if let Some(in_secrets) = spec.service_account_token_in_secrets
        && requests.is_empty()
    {
        errors.push(Error::invalid(
            &path.child("serviceAccountTokenInSecrets"),
            in_secrets,
            "serviceAccountTokenInSecrets is set but no tokenRequests are specified",
        ));
    }
    errors
}

/// The audiences differ; of those that are there twice nothing more is told.
fn token_requests(requests: &[TokenRequest], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, request) in requests.iter().enumerate() {
        let path = path.index(at);
        let before = &requests[..at];
        if before.iter().any(|it| it.audience == request.audience) {
            let path = path.child("audience");
            errors.push(Error::duplicate(&path, &request.audience));
            continue;
        }
        let Some(seconds) = request.expiration_seconds else {
            continue;
        };
        let detail = match seconds {
            s if s < MIN_EXPIRATION => "may not specify a duration less than 10 minutes",
            s if s > MAX_EXPIRATION => "may not specify a duration larger than 2^32 seconds",
            _ => continue,
        };
        let path = path.child("expirationSeconds");
        errors.push(Error::invalid(&path, seconds, detail));
    }
    errors
}

/// What a driver says of attaching and of lives of volumes stays.
pub(super) fn change(new: &CSIDriverSpec, old: &CSIDriverSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = immutable(
        &new.attach_required,
        &old.attach_required,
        &path.child("attachedRequired"),
    );
    errors.extend(immutable(
        &new.volume_lifecycle_modes,
        &old.volume_lifecycle_modes,
        &path.child("volumeLifecycleModes"),
    ));
    errors
}
