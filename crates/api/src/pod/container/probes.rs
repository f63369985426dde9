//! Probes: liveness, readiness and startup.

use k8s_openapi::api::core::v1::{Container, Probe};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::check;
use super::handlers::Handler;

/// The probes of a container. `grace`: the pod's grace period in seconds.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    container: &Container,
    grace: Option<i64>,
) {
    if let Some(probe) = &container.liveness_probe {
        let path = path.child("livenessProbe");
        check_probe(errors, &path, probe, grace);
        check_one_success(errors, &path, probe);
    }
    if let Some(probe) = &container.readiness_probe {
        let path = path.child("readinessProbe");
        check_probe(errors, &path, probe, grace);
        if let Some(seconds) = probe.termination_grace_period_seconds {
            let path = path.child("terminationGracePeriodSeconds");
            errors.push(Error::invalid(
                &path,
                seconds,
                "must not be set for readinessProbes",
            ));
        }
    }
    if let Some(probe) = &container.startup_probe {
        let path = path.child("startupProbe");
        check_probe(errors, &path, probe, grace);
        check_one_success(errors, &path, probe);
    }
}

fn check_probe(errors: &mut ErrorList, path: &Path, probe: &Probe, grace: Option<i64>) {
    Handler::from(probe).check(errors, path, grace);
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (name, number) in numbers {
        check::not_negative(
            errors,
            &path.child(name),
            i64::from(number.unwrap_or_default()),
        );
    }
    if let Some(seconds) = probe
        .termination_grace_period_seconds
        .filter(|seconds| *seconds <= 0)
    {
        errors.push(Error::invalid(
            &path.child("terminationGracePeriodSeconds"),
            seconds,
            "must be greater than 0",
        ));
    }
}

/// What has failed is restarted, so that one success is all there can be.
fn check_one_success(errors: &mut ErrorList, path: &Path, probe: &Probe) {
    let threshold = probe.success_threshold.unwrap_or_default();
    if threshold != 1 {
        errors.push(Error::invalid(
            &path.child("successThreshold"),
            threshold,
            "must be 1",
        ));
    }
}
