//! What is to be done so that the objects of the beginning are there and as they should be.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use navarch_api::def::Verb;
use navarch_api::flowcontrol::initial::{AUTO_UPDATE, flow_schemas, is_mandatory, priority_levels};
use navarch_machinery::object::Typed;

/// A kind of which objects are kept.
pub(super) trait Kept: Typed {
    /// The objects that are to be there.
    fn initial() -> Vec<Self>;
    /// Whether the object says what the initial one says, as far as it must.
    fn is_as(&self, initial: &Self) -> bool;
    /// Makes it say so.
    fn set_spec_of(&mut self, initial: &Self);
}

impl Kept for FlowSchema {
    fn initial() -> Vec<Self> {
        flow_schemas()
    }

    fn is_as(&self, initial: &Self) -> bool {
        self.spec == initial.spec
    }

    fn set_spec_of(&mut self, initial: &Self) {
        self.spec.clone_from(&initial.spec);
    }
}

impl Kept for PriorityLevelConfiguration {
    fn initial() -> Vec<Self> {
        priority_levels()
    }

    // How many shares the exempt level has is for whoever runs the cluster to say.
    fn is_as(&self, initial: &Self) -> bool {
        let mut initial = initial.spec.clone().unwrap_or_default();
        let exempt = self.spec.as_ref().and_then(|spec| spec.exempt.clone());
        if initial.exempt.is_some() && exempt.is_some() {
            initial.exempt = exempt;
        }
        self.spec.as_ref() == Some(&initial)
    }

    fn set_spec_of(&mut self, initial: &Self) {
        self.spec.clone_from(&initial.spec);
    }
}

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(super) enum Step<T> {
    /// It is missing.
    Create(T),
    /// It is not as it should be; holds the version it was seen at.
    Update(T),
    /// An older release made it, and nobody has taken it over.
    Delete {
        name: String,
        uid: String,
        version: String,
    },
}

impl<T: Typed> Step<T> {
    pub(super) fn verb(&self) -> Verb {
        match self {
            Self::Create(_) => Verb::Create,
            Self::Update(_) => Verb::Update,
            Self::Delete { .. } => Verb::Delete,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Create(object) | Self::Update(object) => name(object),
            Self::Delete { name, .. } => name,
        }
    }
}

fn name<T: Typed>(object: &T) -> &str {
    object.metadata().name.as_deref().unwrap_or_default()
}

/// What is to be done, given what there is.
pub(super) fn steps<T: Kept>(current: &[Arc<T>]) -> Vec<Step<T>> {
    let initial = T::initial();
    let mut steps: Vec<Step<T>> = initial
        .iter()
        .filter_map(
            |initial| match current.iter().find(|it| name(&***it) == name(initial)) {
                None => Some(Step::Create(initial.clone())),
                Some(current) => revised(&**current, initial).map(Step::Update),
            },
        )
        .collect();
    let known = |it: &T| initial.iter().any(|initial| name(initial) == name(it));
    let gone = current
        .iter()
        .filter(|it| !known(it) && says(&***it) == Some(true));
    steps.extend(gone.map(|it| Step::Delete {
        name: name(&**it).to_owned(),
        uid: it.metadata().uid.clone().unwrap_or_default(),
        version: it.metadata().resource_version.clone().unwrap_or_default(),
    }));
    steps
}

/// What the annotation says, if it says something.
fn says<T: Typed>(object: &T) -> Option<bool> {
    let annotations = object.metadata().annotations.as_ref()?;
    match annotations.get(AUTO_UPDATE)?.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The object as it should be, if it is not. One that is not mandatory is left alone once somebody has changed it.
fn revised<T: Kept>(current: &T, initial: &T) -> Option<T> {
    let untouched = || current.metadata().generation == Some(1);
    let keep = is_mandatory(name(initial)) || says(current).unwrap_or_else(untouched);
    let differs = keep && !current.is_as(initial);
    if !differs && says(current) == Some(keep) {
        return None;
    }
    let mut revised = current.clone();
    if differs {
        revised.set_spec_of(initial);
    }
    let annotations = revised.metadata_mut().annotations.get_or_insert_default();
    annotations.insert(AUTO_UPDATE.to_owned(), keep.to_string());
    Some(revised)
}
