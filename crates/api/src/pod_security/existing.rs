//! The pods that are there already when a namespace is to enforce another level: nothing happens to them, but who changes the
//! label is told.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use super::{LevelVersion, Subject, evaluate, in_short};

/// The most pods of a namespace that are looked at.
pub const MAX_CHECKED: usize = 3000;

/// The pods of a namespace, those first that say most: each that nobody controls, and one of each controller.
#[derive(Debug)]
pub struct Existing<'a>(Vec<&'a Pod>);

impl<'a> Existing<'a> {
    /// `is_exempt` says for the name of a runtime class whether pods of it are looked at.
    pub fn new(
        pods: impl IntoIterator<Item = &'a Pod>,
        is_exempt: impl Fn(Option<&str>) -> bool,
    ) -> Self {
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        let mut controllers = BTreeSet::new();
        for pod in pods {
            let class = pod
                .spec
                .as_ref()
                .and_then(|spec| spec.runtime_class_name.as_deref());
            if is_exempt(class) {
                continue;
            }
            let owners = pod.metadata.owner_references.iter().flatten();
            let controller = owners
                .filter(|owner| owner.controller == Some(true))
                .map(|owner| owner.uid.as_str())
                .next();
            match controller {
                Some(uid) if !controllers.insert(uid) => rest.push(pod),
                _ => first.push(pod),
            }
        }
        first.append(&mut rest);
        Self(first)
    }
}

/// What is said of the pods of a namespace that is to enforce a level: alike ones together, under the first of their names.
/// `goes_on` is asked after each pod, and ends it by saying no.
pub fn warnings_of_existing(
    namespace: &str,
    enforce: LevelVersion,
    existing: &Existing<'_>,
    mut goes_on: impl FnMut() -> bool,
) -> Vec<String> {
    let pods = &existing.0;
    let mut found: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    let mut checked = 0;
    for pod in pods.iter().take(MAX_CHECKED) {
        checked += 1;
        let violations = Subject::of(pod).map(|subject| evaluate(enforce, &subject));
        let violations = violations.unwrap_or_default();
        if !violations.is_empty() {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            let (first, count) = found.entry(in_short(&violations)).or_insert((name, 0));
            *first = name.min(first);
            *count += 1;
        }
        if !goes_on() {
            break;
        }
    }
    let mut warnings = Vec::new();
    if checked < pods.len() {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {checked} of {} existing pods",
            pods.len()
        ));
    }
    if !found.is_empty() {
        warnings.push(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{enforce}\""
        ));
    }
    let mut of_pods: Vec<String> = found.iter().map(|(why, of)| shown(why, *of)).collect();
    of_pods.sort();
    warnings.append(&mut of_pods);
    warnings
}

fn shown(why: &str, (name, count): (&str, usize)) -> String {
    match count {
        0 | 1 => format!("{name}: {why}"),
        2 => format!("{name} (and 1 other pod): {why}"),
        _ => format!("{name} (and {} other pods): {why}", count - 1),
    }
}
