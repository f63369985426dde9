//! What lies on disk: the database, and what tells whether it is all there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::described::Described;
use super::digest::Digest;
use super::directory::lock;
use super::failure::Failure;
use super::journal::{self, Rest};
use super::mark::Mark;
use super::rows::{self, Loaded, Rows};
use crate::state::{Batch, View};
use crate::{AtRest, Revision};

/// Where rows are written anew.
const NEW: &str = "rows.new";

/// The directory, locked for as long as this lives.
pub(super) struct Disk {
    dir: PathBuf,
    at_rest: Arc<dyn AtRest>,
    /// `None` after a failure, until it can be opened again.
    rows: Option<Rows>,
    /// Of all that is in `rows`.
    digest: Digest,
    mark: Mark,
    #[cfg(test)]
    panics: bool,
    _lock: File,
}

impl Disk {
    /// Opens and reads everything. What was acknowledged and is not there is an error.
    pub(super) fn open(dir: &Path, at_rest: Arc<dyn AtRest>) -> Result<(Self, View), Failure> {
        let lock = lock(dir)?;
        let acknowledged = Mark::read(dir)?;
        match std::fs::remove_dir_all(dir.join(NEW)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::Directory(dir.join(NEW), error));
            }
            _ => {}
        }
        if acknowledged.is_none() {
            rows::clear_unfinished(&dir.join("rows"))?;
        }
        refuse_damage(dir, acknowledged)?;
        let rows =
            Rows::open(&dir.join("rows"), at_rest.clone()).map_err(|failure| match failure {
                Failure::Database(fjall::Error::JournalRecovery(reason)) => Failure::Changed {
                    dir: dir.join("rows"),
                    reason,
                },
                other => other,
            })?;
        let loaded = rows.load()?;
        if let Some(acknowledged) = acknowledged {
            refuse_loss(dir, acknowledged, &loaded).inspect_err(|_| {
                if torn(dir).exists() {
                    tracing::error!("what was cut off is in {}", torn(dir).display());
                }
            })?;
        }
        // All that was acknowledged is there: what was cut off was not.
        if let Err(error) = std::fs::remove_file(torn(dir))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} stays", torn(dir).display());
        }
        let Loaded {
            view,
            digest,
            stale,
            ..
        } = loaded;
        // What was deleted lies on in tables and journals for a while, in the way of before, even where nothing else does.
        let described = Described::read(dir)?;
        let was_written = view.revision > 0;
        let another = was_written && described.is_another(&at_rest.description());
        let rows = if stale || another {
            drop(rows);
            rewritten(dir, &view, digest, at_rest.clone())?
        } else {
            rows
        };
        described.write(&at_rest.description())?;
        let mark = Mark::open(dir, view.revision)
            .map_err(|error| Failure::Directory(Mark::path(dir), error))?;
        let disk = Self {
            dir: dir.to_owned(),
            at_rest,
            rows: Some(rows),
            digest,
            mark,
            #[cfg(test)]
            panics: false,
            _lock: lock,
        };
        Ok((disk, view))
    }

    /// Makes a batch durable. After an error nothing of it is, or the disk refuses to go on.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), Failure> {
        #[cfg(test)]
        assert!(!self.panics, "as if there were a bug");
        let base = batch
            .events
            .first()
            .map_or(batch.revision, |event| event.revision - 1);
        // Taken out, so that a failure leaves none: the database's own state is not known then.
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => self.reopen(base)?,
        };
        let digest = self.digest.after(batch);
        rows.write(batch, digest)?;
        self.rows = Some(rows);
        self.digest = digest;
        if let Err(error) = self.mark.set(batch.revision) {
            tracing::warn!(%error, "{} is behind", Mark::path(&self.dir).display());
        }
        Ok(())
    }

    /// Opens the database anew after a failure. What was read from it before must be what is there now.
    fn reopen(&self, memory: Revision) -> Result<Rows, Failure> {
        let rows = Rows::open(&self.dir.join("rows"), self.at_rest.clone())?;
        let disk = rows.newest()?.revision;
        if disk == memory {
            Ok(rows)
        } else {
            Err(Failure::Diverged { disk, memory })
        }
    }
}

/// At a clean end the mark is as durable as what it tells of.
impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = self.mark.sync() {
            tracing::warn!(%error, "{} may be behind", Mark::path(&self.dir).display());
        }
    }
}

#[cfg(test)]
impl Disk {
    /// As after a failed commit.
    pub(super) fn fail(&mut self) {
        self.rows = None;
    }

    /// The next write panics.
    pub(super) fn break_it(&mut self) {
        self.panics = true;
    }

    /// Writes a row as it is.
    pub(super) fn put_raw(&mut self, key: &[u8], value: &[u8]) {
        self.rows.as_ref().unwrap().put_raw(key, value);
    }
}

/// Writes everything anew as it is written today, and puts that in the place of what is there, of which nothing is left: neither in tables
/// nor in journals. Killed at any moment, it has the one or the other.
fn rewritten(
    dir: &Path,
    view: &View,
    digest: Digest,
    at_rest: Arc<dyn AtRest>,
) -> Result<Rows, Failure> {
    tracing::info!("values lie on disk in another way than they are to: all are written anew");
    let (rows, new) = (dir.join("rows"), dir.join(NEW));
    let failed = |error: std::io::Error| Failure::Directory(new.clone(), error);
    Rows::open(&new, at_rest.clone())?.fill(view, digest)?;
    let exchange = rustix::fs::RenameFlags::EXCHANGE;
    rustix::fs::renameat_with(rustix::fs::CWD, &new, rustix::fs::CWD, &rows, exchange)
        .map_err(|error| failed(error.into()))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)?;
    std::fs::remove_dir_all(&new).map_err(failed)?;
    Rows::open(&rows, at_rest)
}

/// Where the torn end of a journal lies until it is known that nobody misses it.
fn torn(dir: &Path) -> PathBuf {
    dir.join("torn")
}

/// Looks through the journals before the database cuts off what it cannot follow. Where it is not known what was acknowledged,
/// somebody goes on with what is left, and nothing but a torn end is looked for.
fn refuse_damage(dir: &Path, acknowledged: Option<Revision>) -> Result<(), Failure> {
    let journals = journal::all(&dir.join("rows"))
        .map_err(|error| Failure::Directory(dir.join("rows"), error))?;
    let newest = journals.len().saturating_sub(1);
    for (number, journal) in journals.into_iter().enumerate() {
        let known = acknowledged.unwrap_or_default();
        let lost = journal.revision.is_some_and(|found| found < known);
        let mark = Mark::path(dir);
        match journal.rest {
            Rest::Nothing => {}
            Rest::Torn if number == newest && !lost => {
                journal::cut(&journal, &torn(dir))
                    .map_err(|error| Failure::Directory(journal.path.clone(), error))?;
            }
            _ if acknowledged.is_none() => {}
            Rest::Torn if number == newest => {
                return Err(Failure::Lost {
                    file: journal.path,
                    found: journal.revision.unwrap_or_default(),
                    acknowledged: known,
                    mark,
                });
            }
            // What another journal follows was whole when that one was begun; without its end those after it make no sense.
            Rest::Torn | Rest::Hole if number < newest => {
                return Err(Failure::Broken {
                    file: journal.path,
                    at: journal.end,
                });
            }
            Rest::Torn | Rest::Hole => {
                return Err(Failure::Hole {
                    file: journal.path,
                    at: journal.end,
                    mark,
                });
            }
        }
    }
    Ok(())
}

/// Compares what was read with what was acknowledged.
fn refuse_loss(dir: &Path, acknowledged: Revision, loaded: &Loaded) -> Result<(), Failure> {
    let revision = loaded.view.revision;
    if revision < acknowledged {
        return Err(Failure::Lost {
            file: dir.join("rows"),
            found: revision,
            acknowledged,
            mark: Mark::path(dir),
        });
    }
    if loaded
        .written
        .is_some_and(|written| written != loaded.digest)
    {
        return Err(Failure::Incomplete {
            dir: dir.join("rows"),
            revision,
            mark: Mark::path(dir),
        });
    }
    Ok(())
}
