//! GET of a collection: a page of a snapshot.

use std::sync::Arc;

use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Entry, Range, Snapshot};

use super::Request;
use super::continuation::Token;
use super::get::revision;
use super::list_options::validate as validate_options;
use super::selection::Selection;
use crate::ApiServer;
use crate::errors::of_store;
use crate::reply::{List, Output};
use crate::request::Params;

impl ApiServer {
    /// Lists what the request selects.
    pub(crate) async fn list(&self, request: &Request<'_>) -> Result<Output> {
        let params = request.params;
        params.timeout_seconds()?;
        let limit = params.limit()?;
        validate_options(params, false)?;
        let selection = Selection::parse(request.served, params)?;
        let (snapshot, after) = match &*params.continue_token {
            "" if !is_exact(params, limit) => {
                self.wait_for(&params.resource_version).await?;
                // Of what may be of any age Kubernetes answers all that it has at hand.
                let all = params.resource_version == "0" && request.served.def.cached;
                let limit = if all { 0 } else { limit };
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
        let Some(asked) = revision(&request.params.resource_version)? else {
            return Ok(self.store.snapshot());
        };
        let reached = self.wait_for(&request.params.resource_version).await;
        reached.map_err(StatusError::without_retry)?;
        let found = self.store.snapshot_within(&request.served.prefix, asked);
        found.map_err(|error| match error {
            navarch_store::Error::Compacted { .. } => {
                StatusError::expired("The resourceVersion for the provided list is too old.")
            }
            error => of_store(error),
        })
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
                Ok(true) => {
                    list.entries.push(entry.clone());
                    list.entries.len() != limit
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
        if limit > 0 && list.entries.len() == limit && !is_one(request, selection) {
            list.continue_token = self.token_if_more(snapshot, prefix, &list);
        }
        Ok(list)
    }

    /// A full page is the last one only where nothing at all follows: what would be selected is not looked for.
    fn token_if_more(&self, snapshot: &dyn Snapshot, prefix: String, list: &List) -> String {
        let after = list.entries.last().map(|entry| entry.key.to_string());
        let rest = snapshot.range(&Range {
            prefix,
            after,
            limit: 1,
        });
        match rest.entries.is_empty() {
            true => String::new(),
            false => self.token(list),
        }
    }

    /// Calls `visit` with all entries that may be selected, in order: as few as can be told without looking at them.
    fn visit(
        &self,
        request: &Request<'_>,
        place: &Place<'_>,
        selection: &Selection,
        visit: &mut dyn FnMut(&Arc<Entry>) -> bool,
    ) {
        let is_one = is_one(request, selection);
        if let Some(name) = selection.name().filter(|_| is_one) {
            let key = request.served.key(request.namespace(), name);
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

/// Whether the selection is of one key.
fn is_one(request: &Request<'_>, selection: &Selection) -> bool {
    let namespaced = request.served.def.is_namespaced();
    selection.name().is_some() && (!namespaced || !request.namespace().is_empty())
}

/// Whether a list is of just that version: it says so, or it is a page of it.
fn is_exact(params: &Params<'_>, limit: usize) -> bool {
    let paged = limit > 0 && !matches!(&*params.resource_version, "" | "0");
    match &*params.resource_version_match {
        "Exact" => true,
        "" => paged,
        _ => false,
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
