//! PodSecurity: what pods of a namespace may ask for, as its labels say.
//!
//! Follows Kubernetes' plugin of that name. The levels and their checks are [`navarch_api::pod_security`]'s; here is when they are
//! asked: pods when they are created and when what runs in them changes, by whatever address; the templates of what makes pods,
//! which are only warned of; and namespaces whose labels change.

mod configuration;
mod document;
mod namespace;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use navarch_api::def::Special;
use navarch_api::pod_security::{
    Policy, Subject, Violation, changes_containers, evaluate, in_detail, template_of,
};
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

pub(crate) use configuration::Configuration;

use super::{Admitted, Attributes, Layer, Operation};

/// Kubernetes' name for the rule.
pub(super) const NAME: &str = "PodSecurity";

/// The rule, with what holds where a namespace says nothing and who is exempt.
#[derive(Debug, Default)]
pub(super) struct PodSecurity(pub(super) Configuration);

impl Layer for PodSecurity {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        admitted: &mut Admitted,
    ) -> Result<()> {
        let part = match attributes.operation {
            Operation::Create => Part::Main,
            Operation::Update(part) => part,
            Operation::Delete => return Ok(()),
        };
        if attributes.served.def.special == Special::Namespace {
            return match part {
                Part::Main => namespace::check(&self.0, attributes, object, old, admitted),
                _ => Ok(()),
            };
        }
        if let Some(pod) = object.as_any().downcast_ref::<Pod>() {
            // Whatever writes a pod's spec is looked at, but what is known to leave it alone.
            let old = old.and_then(|old| old.as_any().downcast_ref::<Pod>());
            return match part {
                Part::Status => Ok(()),
                _ if old.is_some_and(|old| !changes_containers(pod, old)) => Ok(()),
                _ => self.check(attributes, Subject::of(pod), object, true, admitted),
            };
        }
        match part {
            // A scale has no pods to look at.
            Part::Main if attributes.subresource.is_empty() => {
                self.check(attributes, template_of(object), object, false, admitted)
            }
            _ => Ok(()),
        }
    }
}

impl PodSecurity {
    /// `enforce`: whether it is a pod itself, which may be refused.
    fn check(
        &self,
        attributes: &Attributes<'_>,
        subject: Option<Subject<'_>>,
        object: &dyn Object,
        enforce: bool,
        admitted: &mut Admitted,
    ) -> Result<()> {
        let Some(subject) = subject else {
            return Ok(());
        };
        let class = subject.spec.runtime_class_name.as_deref();
        if self.0.exempts_namespace(attributes.namespace)
            || self.0.exempts_user(&attributes.user.name)
            || self.0.exempts_class(class)
        {
            return Ok(());
        }
        let Some(namespace) = attributes.get::<Namespace>("", attributes.namespace)? else {
            // What it would allow is not known.
            let why = format!("failed to lookup namespace {:?}", attributes.namespace);
            return if enforce {
                Err(StatusError::internal(why))
            } else {
                Ok(())
            };
        };
        let labels = namespace.metadata.labels.as_ref();
        let (policy, _) = Policy::of(labels, &self.0.defaults);
        let name = object.metadata().name.as_deref().unwrap_or_default();
        let enforced = evaluate(policy.enforce, &subject);
        if enforce && !enforced.is_empty() {
            let why = said("violates", &policy.enforce, &enforced);
            let def = &attributes.served.def;
            return Err(StatusError::forbidden(&def.group, &def.plural, name, &why));
        }
        let audited = evaluate(policy.audit, &subject);
        if !audited.is_empty() {
            tracing::info!(
                user = %attributes.user.name,
                resource = %attributes.served.def.plural,
                namespace = attributes.namespace,
                name,
                "pod-security.kubernetes.io/audit-violations: {}",
                said("would violate", &policy.audit, &audited)
            );
        }
        let warned = evaluate(policy.warn, &subject);
        if !warned.is_empty() {
            let warning = said("would violate", &policy.warn, &warned);
            admitted.warnings.push(warning);
        }
        Ok(())
    }
}

fn said(verb: &str, level: &impl std::fmt::Display, violations: &[Violation]) -> String {
    format!("{verb} PodSecurity \"{level}\": {}", in_detail(violations))
}
