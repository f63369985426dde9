//! Whether somebody may.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::binding::Binding;
use super::bound::Bound;
use super::compiled::Wanted;
use super::index::Rbac;
use super::missing::Missing;
use crate::{Attributes, Decision, Grounds, UserInfo};

impl Rbac {
    /// Whether the user may. What is given everywhere is looked at before what is given in a namespace.
    pub fn decide(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
        let wanted = Wanted::new(attributes);
        let mut missing = false;
        for place in places(attributes.namespace) {
            for bound in self.bound(user) {
                match self.grounds(bound, place, &wanted, &mut missing) {
                    Some(binding) => return allowed(binding.clone(), user),
                    None => continue,
                }
            }
        }
        if missing {
            self.refusal(user, attributes.namespace)
        } else {
            Decision::NONE
        }
    }

    fn grounds<'a>(
        &'a self,
        bound: &'a Bound,
        place: &str,
        wanted: &Wanted<'_>,
        missing: &mut bool,
    ) -> Option<&'a Arc<Binding>> {
        for (&role, bindings) in bound.at(place)? {
            match self.roles.rules(role) {
                Some(rules) if rules.allow(wanted) => return bindings.values().next(),
                Some(_) => {}
                None => *missing = true,
            }
        }
        None
    }

    /// With the roles that might have given it, were they there.
    fn refusal(&self, user: &UserInfo, namespace: &str) -> Decision {
        let missing = self.missing(user, namespace);
        let told = Missing::told(missing.iter().map(Missing::in_authorizer));
        Decision::NoOpinion(told.map(|told| format!("RBAC: {told}")).unwrap_or_default())
    }

    /// The roles that the user's bindings name and that are not there.
    pub(super) fn missing(&self, user: &UserInfo, namespace: &str) -> Vec<Missing> {
        let mut missing = Vec::new();
        for binding in self.bindings_of(user, namespace) {
            let role = self.roles.find(binding.role_namespace(), &binding.role);
            if role.is_none() {
                missing.push(Missing::of(binding));
            }
        }
        missing
    }

    /// All bindings that name the user, each once, by name: those of the cluster before those of the namespace.
    pub(super) fn bindings_of<'a>(
        &'a self,
        user: &'a UserInfo,
        namespace: &str,
    ) -> Vec<&'a Arc<Binding>> {
        let mut all = Vec::new();
        for place in places(namespace) {
            let granted = self.bound(user).filter_map(|bound| bound.at(place));
            let bindings = granted.flat_map(BTreeMap::values).flatten();
            let bindings: BTreeMap<&str, _> = bindings.map(|(name, it)| (&**name, it)).collect();
            all.extend(bindings.into_values());
        }
        all
    }
}

fn allowed(binding: Arc<Binding>, user: &UserInfo) -> Decision {
    let subject = binding.subject_of(user).unwrap_or_default();
    Decision::Allow(Grounds::Binding { binding, subject })
}

/// Everywhere, and the namespace if it is one.
fn places(namespace: &str) -> impl Iterator<Item = &str> {
    let here = Some(namespace).filter(|namespace| !namespace.is_empty());
    std::iter::once("").chain(here)
}
