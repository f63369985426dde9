//! GET of a collection: a page of a snapshot.

use std::sync::Arc;

use navarch_machinery::field::{Error, Path};
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Entry, Range, Snapshot};

use super::Request;
use super::continuation::Token;
use super::get::revision;
use super::selection::Selection;
use crate::ApiServer;
use crate::errors::of_store;
use crate::reply::{List, Output};
use crate::request::Params;

impl ApiServer {
    /// Lists what the request selects.
    pub(crate) async fn list(&self, request: &Request<'_>) -> Result<Output> {
        let limit = request.params.limit()?;
        validate_options(request.params, false)?;
        let selection = Selection::parse(request.served, request.params)?;
        let (snapshot, after) = match &*request.params.continue_token {
            "" if request.params.resource_version_match != "Exact" => {
                self.wait_for(&request.params.resource_version).await?;
                return self.fresh(request, limit, &selection).map(Output::List);
            }
            "" => (self.snapshot_for(request).await?, None),
            text => match self.continued(request, &Token::decode(text)?)? {
                Continued::At(snapshot, after) => (snapshot, Some(after)),
                Continued::TooOld(status) => return Ok(status),
            },
        };
        self.page(
            request,
            &*snapshot,
            after.as_deref(),
            limit,
            &selection,
            None,
        )
        .map(Output::List)
    }

    /// The first page of what there is now.
    pub(crate) fn fresh(
        &self,
        request: &Request<'_>,
        limit: usize,
        selection: &Selection,
    ) -> Result<List> {
        let candidates = match selection.labels.is_empty() {
            true => None,
            false => self
                .labels
                .candidates(&*self.store, request.served, &selection.labels),
        };
        let snapshot = match &candidates {
            Some(candidates) => self
                .store
                .snapshot_within(&request.served.prefix, candidates.seen)
                .map_err(of_store)?,
            None => self.store.snapshot(),
        };
        let keys = candidates.as_ref().map(|candidates| &*candidates.keys);
        self.page(request, &*snapshot, None, limit, selection, keys)
    }

    async fn snapshot_for(&self, request: &Request<'_>) -> Result<Arc<dyn Snapshot>> {
        let params = request.params;
        let asked = revision(&params.resource_version)?;
        self.wait_for(&params.resource_version).await?;
        match asked {
            // Without a limit any newer state will do; with one, Kubernetes reads at that version too.
            Some(asked) if params.resource_version_match == "Exact" => {
                let prefix = &request.served.prefix;
                self.store.snapshot_within(prefix, asked).map_err(of_store)
            }
            _ => Ok(self.store.snapshot()),
        }
    }

    fn continued(&self, request: &Request<'_>, token: &Token) -> Result<Continued> {
        if !matches!(&*request.params.resource_version, "" | "0") {
            let message = "specifying resource version is not allowed when using continue";
            return Err(StatusError::bad_request(message));
        }
        let prefix = &request.served.prefix;
        let scope = request.served.scope_prefix(request.namespace());
        let after = format!("{prefix}{}", token.key());
        if !after.starts_with(&scope) {
            return Err(StatusError::bad_request(format!(
                "invalid continue token: continue key is not valid: {}",
                token.key()
            )));
        }
        let Some(revision) = token.revision() else {
            return Ok(Continued::At(self.store.snapshot(), after));
        };
        match self.store.snapshot_within(prefix, revision) {
            Ok(snapshot) => Ok(Continued::At(snapshot, after)),
            Err(navarch_store::Error::Compacted { .. }) => {
                Ok(Continued::TooOld(expired_page(token)))
            }
            Err(error) => Err(of_store(error)),
        }
    }

    /// At most `limit` entries (0: all) under the request's namespace after `after` that are selected.
    pub(crate) fn page(
        &self,
        request: &Request<'_>,
        snapshot: &dyn Snapshot,
        after: Option<&str>,
        limit: usize,
        selection: &Selection,
        candidates: Option<&[Arc<str>]>,
    ) -> Result<List> {
        let served = request.served;
        let prefix = served.scope_prefix(request.namespace());
        let mut list = List {
            served: served.clone(),
            entries: Vec::new(),
            revision: snapshot.revision(),
            continue_token: String::new(),
            remaining: None,
        };
        if selection.is_all() {
            let range = Range {
                prefix,
                after: after.map(str::to_owned),
                limit,
            };
            let page = snapshot.range(&range);
            list.remaining = page
                .more
                .then(|| i64::try_from(page.remaining).unwrap_or(i64::MAX));
            list.entries = page.entries;
            if page.more {
                list.continue_token = self.token(&list);
            }
            return Ok(list);
        }
        let mut more = false;
        let mut failed = None;
        let place = Place {
            snapshot,
            prefix: &prefix,
            after,
            candidates,
        };
        self.visit(
            request,
            &place,
            selection,
            &mut |entry| match selection.matches(served, entry) {
                Ok(true) if limit > 0 && list.entries.len() == limit => {
                    more = true;
                    false
                }
                Ok(true) => {
                    list.entries.push(entry.clone());
                    true
                }
                Ok(false) => true,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            },
        );
        if let Some(error) = failed {
            return Err(error);
        }
        if more {
            list.continue_token = self.token(&list);
        }
        Ok(list)
    }

    /// Calls `visit` with all entries that may be selected, in order: as few as can be told without looking at them.
    fn visit(
        &self,
        request: &Request<'_>,
        place: &Place<'_>,
        selection: &Selection,
        visit: &mut dyn FnMut(&Arc<Entry>) -> bool,
    ) {
        let namespace = request.namespace();
        let one_namespace = !namespace.is_empty() || !request.served.def.is_namespaced();
        if let Some(name) = selection.name().filter(|_| one_namespace) {
            let key = request.served.key(namespace, name);
            if let Some(entry) = place.snapshot.get(&key).filter(|_| place.holds(&key)) {
                visit(&entry);
            }
            return;
        }
        let Some(candidates) = place.candidates else {
            place.snapshot.scan(place.prefix, place.after, visit);
            return;
        };
        for key in candidates.iter().filter(|key| place.holds(key)) {
            if let Some(entry) = place.snapshot.get(key)
                && !visit(&entry)
            {
                return;
            }
        }
    }

    fn token(&self, list: &List) -> String {
        let Some(last) = list.entries.last() else {
            return String::new();
        };
        let key = last
            .key
            .strip_prefix(&*list.served.prefix)
            .unwrap_or(&last.key);
        Token::after(key, Some(list.revision)).encode()
    }
}

/// Where a page is read.
struct Place<'a> {
    snapshot: &'a dyn Snapshot,
    prefix: &'a str,
    after: Option<&'a str>,
    /// The keys that may be selected, where an index knows.
    candidates: Option<&'a [Arc<str>]>,
}

impl Place<'_> {
    fn holds(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.after.is_none_or(|after| after < key)
    }
}

enum Continued {
    At(Arc<dyn Snapshot>, String),
    TooOld(Output),
}

/// 410 with a token that goes on with what there is now, for clients that do not need the pages to agree.
fn expired_page(token: &Token) -> Output {
    let error = StatusError::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
         the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
         Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
         deleted between the time the first chunk was returned and now may show up in the list.",
    );
    let mut status = error.to_status();
    status.metadata.continue_ = Some(Token::after(token.key(), None).encode());
    let value = serde_json::to_value(&status).unwrap_or_default();
    Output::Value { value, code: 410 }
}

/// Refuses options that contradict each other, as Kubernetes' `ValidateListOptions`.
pub(super) fn validate_options(params: &Params<'_>, watch: bool) -> Result<()> {
    let (version, rule) = (&*params.resource_version, &*params.resource_version_match);
    let initial = params.send_initial_events.is_some();
    let path = Path::new("resourceVersionMatch");
    let mut errors = Vec::new();
    if initial && !watch {
        errors.push(Error::forbidden(
            &Path::new("sendInitialEvents"),
            "sendInitialEvents is forbidden for list",
        ));
    }
    if watch && initial && rule != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(Error::forbidden(&path, why));
    }
    if watch && !initial && !rule.is_empty() {
        errors.push(Error::forbidden(
            &path,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ));
    }
    if !watch && !rule.is_empty() {
        if version.is_empty() {
            errors.push(Error::forbidden(
                &path,
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ));
        }
        if !params.continue_token.is_empty() {
            errors.push(Error::forbidden(
                &path,
                "resourceVersionMatch is forbidden when continue is provided",
            ));
        }
        if !matches!(rule, "Exact" | "NotOlderThan") {
            errors.push(Error::not_supported(
                &path,
                rule,
                &["Exact", "NotOlderThan", ""],
            ));
        }
        if rule == "Exact" && version == "0" {
            errors.push(Error::forbidden(
                &path,
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(StatusError::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            &errors,
        ))
    }
}
