//! Which names of a quota concern which resource.

use jiff::Timestamp;
use navarch_machinery::object::Object;

use super::amounts::{Amounts, number};
use super::{claims, devices, pods, services};
use crate::def::ResourceDef;

/// A resource, whatever its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    /// Its group.
    pub group: &'a str,
    /// Its plural.
    pub plural: &'a str,
}

/// The resources that are counted by more than their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evaluator {
    Pods,
    Services,
    Claims,
    DeviceClaims,
    Objects,
}

impl<'a> Resource<'a> {
    /// A resource that quotas count: everything that is kept in namespaces but events.
    pub fn counted(def: &'a ResourceDef) -> Option<Self> {
        let is_event = def.plural == "events" && matches!(&*def.group, "" | "events.k8s.io");
        (def.is_namespaced() && !is_event).then_some(Self {
            group: &def.group,
            plural: &def.plural,
        })
    }

    pub(super) fn evaluator(&self) -> Evaluator {
        match (self.group, self.plural) {
            ("", "pods") => Evaluator::Pods,
            ("", "services") => Evaluator::Services,
            ("", "persistentvolumeclaims") => Evaluator::Claims,
            ("resource.k8s.io", "resourceclaims") => Evaluator::DeviceClaims,
            _ => Evaluator::Objects,
        }
    }

    /// `count/pods`, `count/deployments.apps`.
    pub(super) fn count_name(&self) -> String {
        match self.group {
            "" => format!("count/{}", self.plural),
            group => format!("count/{}.{group}", self.plural),
        }
    }

    /// The name that its number had before there was one for all.
    fn alias(&self) -> Option<&str> {
        let has_one = matches!(
            self.plural,
            "configmaps" | "resourcequotas" | "replicationcontrollers" | "secrets"
        );
        (self.group.is_empty() && has_one).then_some(self.plural)
    }

    /// Whether a name of a quota concerns this resource.
    pub fn is_limited_by(&self, name: &str) -> bool {
        if name.starts_with("count/") {
            return name == self.count_name();
        }
        match self.evaluator() {
            Evaluator::Pods => pods::is_about(name),
            Evaluator::Services => services::is_about(name),
            Evaluator::Claims => claims::is_about(name),
            Evaluator::DeviceClaims => devices::is_about(name),
            Evaluator::Objects => self.alias() == Some(name),
        }
    }

    /// What an object of it comes to.
    pub(super) fn usage(&self, object: &dyn Object, now: Timestamp) -> Amounts {
        let any = object.as_any();
        let own = match self.evaluator() {
            Evaluator::Pods => any.downcast_ref().map(|pod| pods::usage(pod, now)),
            Evaluator::Services => any.downcast_ref().map(services::usage),
            Evaluator::Claims => any.downcast_ref().map(claims::usage),
            Evaluator::DeviceClaims => any.downcast_ref().map(devices::usage),
            Evaluator::Objects => None,
        };
        let mut usage = own.unwrap_or_default();
        usage.insert(self.count_name(), number(1));
        if let Some(alias) = self.alias() {
            usage.insert(alias.to_owned(), number(1));
        }
        usage
    }
}
