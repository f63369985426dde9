//! When containers are restarted: after their end, and when their resources change.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::items;
use super::super::check;
use super::super::context::Context;

/// The most restart rules that a container may have.
const MAX_RULES: usize = 20;
/// The most exit codes that a rule may name.
const MAX_EXIT_CODES: usize = 255;

/// A container's own restart policy and the rules that go before it.
pub(super) fn check(errors: &mut ErrorList, path: &Path, container: &Container) {
    let rules = items(&container.restart_policy_rules);
    match &container.restart_policy {
        None if rules.is_empty() => return,
        None => {
            let detail = "must specify restartPolicy when restart rules are used";
            errors.push(Error::required(&path.child("restartPolicy"), detail));
        }
        Some(policy) => check::supported_value(
            errors,
            &path.child("restartPolicy"),
            policy,
            &["Always", "Never", "OnFailure"],
        ),
    }
    let path = path.child("restartPolicyRules");
    if rules.len() > MAX_RULES {
        errors.push(Error::too_many(&path, rules.len(), MAX_RULES));
    }
    for (index, rule) in rules.iter().enumerate() {
        check_rule(errors, &path.index(index), rule);
    }
}

fn check_rule(errors: &mut ErrorList, path: &Path, rule: &ContainerRestartRule) {
    check::supported_value(
        errors,
        &path.child("action"),
        &rule.action,
        &["Restart", "RestartAllContainers"],
    );
    let path = path.child("exitCodes");
    let Some(exit_codes) = &rule.exit_codes else {
        errors.push(Error::required(&path, "must be specified"));
        return;
    };
    check::supported_value(
        errors,
        &path.child("operator"),
        &exit_codes.operator,
        &["In", "NotIn"],
    );
    let values = items(&exit_codes.values);
    if values.len() > MAX_EXIT_CODES {
        errors.push(Error::too_many(
            &path.child("values"),
            values.len(),
            MAX_EXIT_CODES,
        ));
    }
}

/// Whether a change of resources restarts the container.
pub(super) fn check_resize(
    errors: &mut ErrorList,
    path: &Path,
    container: &Container,
    context: &Context<'_>,
) {
    let mut seen = BTreeSet::new();
    for (index, policy) in items(&container.resize_policy).iter().enumerate() {
        if !seen.insert(policy.resource_name.as_str()) {
            errors.push(Error::duplicate(&path.index(index), &policy.resource_name));
        }
        check::one_of(errors, path, &policy.resource_name, &["cpu", "memory"]);
        check::one_of(
            errors,
            path,
            &policy.restart_policy,
            &["NotRequired", "RestartContainer"],
        );
        if context.is_never_restarted() && policy.restart_policy != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(Error::invalid(path, &policy.restart_policy, detail));
        }
    }
}
