//! The names of a claim's requests: `request`, or `request/subrequest`.

use std::collections::BTreeMap;

use k8s_openapi::api::resource::v1::DeviceClaim;
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::pod::absent::items;
use crate::pod::check::label;

/// The names of requests, each with those of its subrequests.
pub(crate) struct Names<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Names<'a> {
    /// The names in a claim.
    pub(crate) fn of(claim: Option<&'a DeviceClaim>) -> Self {
        let requests = claim.map(|claim| items(&claim.requests));
        let names = requests.into_iter().flatten().map(|request| {
            let subrequests = items(&request.first_available).iter();
            let names = subrequests.map(|it| it.name.as_str()).collect();
            (request.name.as_str(), names)
        });
        Self(names.collect())
    }

    fn has(&self, name: &str) -> bool {
        match name.split_once('/') {
            None => self.0.contains_key(name),
            Some((request, sub)) => self
                .0
                .get(request)
                .is_some_and(|names| names.contains(&sub)),
        }
    }

    /// Checks that a name is one of them.
    pub(crate) fn check(&self, errors: &mut ErrorList, path: &Path, name: &str) {
        const DETAIL: &str = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
        if name.split('/').count() > 2 {
            errors.push(Error::invalid(path, name, DETAIL));
            return;
        }
        for part in name.split('/') {
            label(errors, path, part);
        }
        if !self.has(name) {
            errors.push(Error::invalid(path, name, DETAIL));
        }
    }
}
