//! Following a collection: what is there, if asked for, and then every change.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Entry, Event, EventKind, Revision, Watch};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Request;
use super::get::words;
use super::list_options::validate as validate_options;
use super::selection::Selection;
use crate::ApiServer;
use crate::encode::restamp;
use crate::errors::of_store;
use crate::limits::{BOOKMARKS, WATCH, WATCH_BATCH};
use crate::reply::Output;
use crate::request::flag;
use crate::served::Served;

/// What happened to an object, as a watcher sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One thing that a watch tells.
pub(crate) enum Feed {
    /// A change. `event` is there where its shared encoding says just this.
    Change {
        change: Change,
        entry: Arc<Entry>,
        event: Option<Arc<Event>>,
    },
    /// Everything up to here has been told. `initial`: what was there at the beginning, too.
    Bookmark { revision: Revision, initial: bool },
    /// The watch cannot go on.
    Failed(StatusError),
}

/// Where a watch stands.
pub(crate) struct WatchFeed {
    pub(crate) served: Arc<Served>,
    selection: Selection,
    watch: Option<Box<dyn Watch>>,
    initial: std::vec::IntoIter<Arc<Entry>>,
    /// The bookmark that ends the initial events, if it was asked for.
    initial_end: Option<Revision>,
    failed: Option<StatusError>,
    bookmarks: bool,
    deadline: Instant,
    alarm: Pin<Box<Sleep>>,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    events: Vec<Arc<Event>>,
}

impl ApiServer {
    /// Begins to follow what the request selects.
    pub(crate) async fn watch(&self, request: &Request<'_>) -> Result<Output> {
        let params = request.params;
        validate_options(params, true)?;
        let seconds = params.timeout_seconds()?;
        params.limit()?;
        let selection = Selection::of(request)?;
        let initial = params
            .send_initial_events
            .as_deref()
            .map(|text| flag(Some(text)));
        let from = version(&params.resource_version)?;
        let mut feed = WatchFeed {
            served: request.served.clone(),
            selection,
            watch: None,
            initial: Vec::new().into_iter(),
            initial_end: None,
            failed: None,
            bookmarks: flag(params.allow_watch_bookmarks.as_deref()),
            deadline: Instant::now() + seconds.map_or_else(random_end, Duration::from_secs),
            alarm: Box::pin(tokio::time::sleep(BOOKMARKS)),
            closing: Box::pin(self.closing.clone().cancelled_owned()),
            events: Vec::new(),
        };
        let prefix = request.served.scope_prefix(request.namespace());
        match (from, initial) {
            (Some(from), None | Some(false)) => {
                self.wait_for(&params.resource_version).await?;
                feed.begin(self.store.watch(&prefix, from));
            }
            (_, Some(false)) => {
                feed.begin(self.store.watch(&prefix, self.store.snapshot().revision()));
            }
            _ => {
                self.wait_for(&params.resource_version).await?;
                let list = self.fresh(request, 0, &feed.selection)?;
                feed.initial = list.entries.into_iter();
                feed.initial_end =
                    (initial == Some(true) && feed.bookmarks).then_some(list.revision);
                feed.begin(self.store.watch(&prefix, list.revision));
            }
        }
        Ok(Output::Watch(Box::new(feed)))
    }
}

impl WatchFeed {
    fn begin(&mut self, watch: navarch_store::Result<Box<dyn Watch>>) {
        match watch {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => self.failed = Some(of_store(error)),
        }
    }

    /// Waits for something to tell and appends it; `false`: the watch has ended. Cancel-safe.
    pub(crate) async fn next(&mut self, batch: &mut Vec<Feed>) -> bool {
        if self.tell_initial(batch) {
            return true;
        }
        if let Some(error) = self.failed.take() {
            self.watch = None;
            batch.push(Feed::Failed(error));
            return true;
        }
        // A watch that always has something to tell would never hear its alarm.
        if Instant::now() >= self.deadline {
            return false;
        }
        while batch.is_empty() {
            let Some(watch) = &mut self.watch else {
                return false;
            };
            let alarm_at = self.deadline.min(self.alarm.deadline());
            if self.alarm.deadline() != alarm_at {
                self.alarm.as_mut().reset(alarm_at);
            }
            tokio::select! {
                biased;
                () = &mut self.closing => return false,
                seen = watch.next(&mut self.events, WATCH_BATCH) => match seen {
                    Ok(_) => self.take_events(batch),
                    Err(navarch_store::Error::Closed) => return false,
                    Err(error) => {
                        self.watch = None;
                        batch.push(Feed::Failed(of_store(error)));
                    }
                },
                () = &mut self.alarm => {
                    if Instant::now() >= self.deadline {
                        return false;
                    }
                    self.alarm.as_mut().reset(Instant::now() + BOOKMARKS);
                    if self.bookmarks {
                        batch.push(Feed::Bookmark { revision: watch.progress(), initial: false });
                    }
                }
            }
        }
        true
    }

    fn tell_initial(&mut self, batch: &mut Vec<Feed>) -> bool {
        let before = batch.len();
        for entry in self.initial.by_ref().take(WATCH_BATCH) {
            batch.push(Feed::Change {
                change: Change::Added,
                entry,
                event: None,
            });
        }
        if batch.len() == before
            && let Some(revision) = self.initial_end.take()
        {
            batch.push(Feed::Bookmark {
                revision,
                initial: true,
            });
        }
        batch.len() > before
    }

    fn take_events(&mut self, batch: &mut Vec<Feed>) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match self.seen(event) {
                Ok(Some(feed)) => batch.push(feed),
                Ok(None) => {}
                Err(error) => {
                    self.watch = None;
                    batch.push(Feed::Failed(error));
                    break;
                }
            }
        }
        self.events = events;
    }

    /// An event as the selection makes it look: what comes into it is added, what leaves it is deleted.
    fn seen(&self, event: Arc<Event>) -> Result<Option<Feed>> {
        let natural = match (event.kind, &event.previous) {
            (EventKind::Delete, _) => Change::Deleted,
            (EventKind::Put, None) => Change::Added,
            (EventKind::Put, Some(_)) => Change::Modified,
        };
        let whole = |change, event: Arc<Event>| {
            let entry = event.entry.clone();
            let event = (change == natural).then_some(event);
            Ok(Some(Feed::Change {
                change,
                entry,
                event,
            }))
        };
        if self.selection.is_all() {
            return whole(natural, event);
        }
        let matches = |entry: &Entry| self.selection.matches(&self.served, entry);
        let before = event
            .previous
            .as_deref()
            .map(matches)
            .transpose()?
            .unwrap_or(false);
        let after = event.kind == EventKind::Put && matches(&event.entry)?;
        match (before, after, &event.previous) {
            (false, true, _) => whole(Change::Added, event),
            (true, true, _) => whole(Change::Modified, event),
            (true, false, _) if event.kind == EventKind::Delete => whole(Change::Deleted, event),
            (true, false, Some(previous)) => {
                let entry = Arc::new(at_revision(previous, event.revision)?);
                Ok(Some(Feed::Change {
                    change: Change::Deleted,
                    entry,
                    event: None,
                }))
            }
            _ => Ok(None),
        }
    }
}

/// An old version as it looked when it left a watch's selection: at the revision that made it leave.
fn at_revision(entry: &Entry, revision: Revision) -> Result<Entry> {
    let encoded = restamp(&entry.value)?;
    let at = encoded.stamp as usize;
    let digits = revision.to_string();
    let value = [
        &encoded.value[..at],
        digits.as_bytes(),
        &encoded.value[at..],
    ]
    .concat();
    Ok(Entry::new(
        entry.key.clone(),
        value.into(),
        entry.created,
        revision,
    ))
}

fn version(text: &str) -> Result<Option<Revision>> {
    if matches!(text, "" | "0") {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| StatusError::new(500, "", words(text)))
}

/// Watches that name no end do not all end at once.
fn random_end() -> Duration {
    WATCH
        + Duration::from_millis(
            crate::random::number() % u64::try_from(WATCH.as_millis()).unwrap_or(1),
        )
}
