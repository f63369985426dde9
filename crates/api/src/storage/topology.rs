//! The places where the volumes of a class may be.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{TopologySelectorLabelRequirement, TopologySelectorTerm};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::check::qualified_name;
use crate::pod::absent::items;

/// What a term asks for: values by label.
type Term<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Checks terms, of which no two may be the same.
pub(super) fn check(terms: &[TopologySelectorTerm], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    // Kubernetes begins with as many empty terms as there are terms, so that each empty one counts as a repetition of all of them.
    let mut seen: Vec<Term<'_>> = vec![Term::new(); terms.len()];
    for (at, term) in terms.iter().enumerate() {
        let path = path.index(at).child("matchLabelExpressions");
        let asked = check_term(&mut errors, &path, term);
        let repeated = seen.iter().filter(|other| **other == asked).count();
        errors.extend((0..repeated).map(|_| Error::duplicate(&path, "")));
        seen.push(asked);
    }
    errors
}

fn check_term<'a>(errors: &mut ErrorList, path: &Path, term: &'a TopologySelectorTerm) -> Term<'a> {
    let mut asked = Term::new();
    for (at, requirement) in items(&term.match_label_expressions).iter().enumerate() {
        let path = path.index(at);
        let values = check_requirement(errors, &path, requirement);
        if asked.insert(&requirement.key, values).is_some() {
            errors.push(Error::duplicate(&path.child("key"), &requirement.key));
        }
    }
    asked
}

fn check_requirement<'a>(
    errors: &mut ErrorList,
    path: &Path,
    requirement: &'a TopologySelectorLabelRequirement,
) -> BTreeSet<&'a str> {
    let values_path = path.child("values");
    if requirement.values.is_empty() {
        errors.push(Error::required(&values_path, ""));
    }
    let mut values = BTreeSet::new();
    for (at, value) in requirement.values.iter().enumerate() {
        if !values.insert(value.as_str()) {
            errors.push(Error::duplicate(&values_path.index(at), value));
        }
    }
    errors.extend(qualified_name(&requirement.key, &path.child("key")));
    values
}
