//! DELETE of a collection: everything that is selected, many at a time.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use navarch_machinery::status::Result;

use super::Request;
use super::delete::warn_of_dependents;
use super::delete_options::DeleteOptions;
use super::list_options::validate as validate_options;
use super::selection::Selection;
use crate::ApiServer;
use crate::limits::{COLLECTION_BATCH, COLLECTION_DELETES};
use crate::reply::Output;

impl ApiServer {
    /// Deletes what the request selects, and answers with the list of it as it was.
    pub(crate) async fn delete_collection(&self, request: &mut Request<'_>) -> Result<Output> {
        let options = DeleteOptions::of(request)?;
        warn_of_dependents(request, &options);
        let request = &*request;
        validate_options(request.params, false)?;
        let selection = Selection::parse(request.served, request.params)?;
        let limit = request.params.limit()?;
        let list = self.fresh(request, limit, &selection)?;
        // A deletion's state is some kilobytes: only so many are made at a time.
        for entries in list.entries.chunks(COLLECTION_BATCH) {
            let deletions: Vec<BoxFuture<'_, Result<()>>> = entries
                .iter()
                .map(|entry| self.delete_entry(request, &entry.key, &options).boxed())
                .collect();
            futures::stream::iter(deletions)
                .buffered(COLLECTION_DELETES)
                .try_collect::<()>()
                .await?;
        }
        Ok(Output::List(list))
    }

    /// Deletes one of many: that it is gone already is what was wanted.
    async fn delete_entry(
        &self,
        request: &Request<'_>,
        key: &str,
        options: &DeleteOptions,
    ) -> Result<()> {
        match self.delete_at(request, key, options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
