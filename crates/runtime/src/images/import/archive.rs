//! The files of an archive, as content and as the few documents that stand under fixed names.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::super::compression::decompress;
use super::super::content::{Content, MAX_DOCUMENT};
use super::super::digest::Digest;
use super::super::tarball::{Entry, Kind, Tarball};
use crate::cri::{Error, Result};

/// The most files an archive may hold.
const MAX_ENTRIES: usize = 65_536;
/// The most links followed from a name to content.
const MAX_LINKS: usize = 8;

/// What an archive held.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// `index.json` of an OCI layout.
    pub(super) index: Option<Vec<u8>>,
    /// `manifest.json` of `docker save`.
    pub(super) docker: Option<Vec<u8>>,
    files: BTreeMap<String, Member>,
}

#[derive(Debug)]
enum Member {
    Content(Digest, u64),
    Link(String),
}

impl Archive {
    /// The content under a name. Error: `Invalid` where there is none.
    pub(super) fn content(&self, name: &str) -> Result<(Digest, u64)> {
        let mut at = name.to_owned();
        for _ in 0..MAX_LINKS {
            match self.files.get(&at) {
                Some(Member::Content(digest, size)) => return Ok((digest.clone(), *size)),
                Some(Member::Link(target)) => at.clone_from(target),
                None => {
                    return Err(Error::Invalid(format!(
                        "{name:?} is missing from the archive"
                    )));
                }
            }
        }
        Err(Error::Invalid(format!("{name:?}: too many links")))
    }
}

/// Reads an archive into the content store.
pub(super) fn read(stream: impl Read, content: &Content) -> Result<Archive> {
    let mut archive = Archive::default();
    let broken = |e: io::Error| Error::Invalid(e.to_string());
    let mut tarball = Tarball::new(decompress(stream).map_err(broken)?);
    while let Some(entry) = tarball.next().map_err(broken)? {
        let Some(name) = clean("", &entry.path) else {
            return Err(Error::Invalid(format!(
                "file name {:?} leads out of the archive",
                String::from_utf8_lossy(&entry.path)
            )));
        };
        if archive.files.len() == MAX_ENTRIES {
            return Err(Error::Invalid(format!("more than {MAX_ENTRIES} files")));
        }
        match entry.kind {
            Kind::File => take_file(&mut archive, name, &entry, &mut tarball, content)?,
            Kind::Symlink | Kind::Hardlink => take_link(&mut archive, name, &entry)?,
            _ => {}
        }
    }
    Ok(archive)
}

fn take_file(
    archive: &mut Archive,
    name: String,
    entry: &Entry,
    tarball: &mut Tarball<impl Read>,
    content: &Content,
) -> Result<()> {
    let broken = |e: io::Error| Error::Invalid(format!("{name}: {e}"));
    match name.as_str() {
        "index.json" | "manifest.json" => {
            if entry.size > MAX_DOCUMENT {
                return Err(Error::Invalid(format!(
                    "{name} is larger than {MAX_DOCUMENT} bytes"
                )));
            }
            let mut bytes = Vec::new();
            tarball.read_to_end(&mut bytes).map_err(broken)?;
            let place = if name == "index.json" {
                &mut archive.index
            } else {
                &mut archive.docker
            };
            *place = Some(bytes);
        }
        "oci-layout" | "repositories" => {}
        _ => {
            let expected = match name.strip_prefix("blobs/") {
                Some(blob) => Some(blob_digest(blob)?),
                None => None,
            };
            let mut ingest = content.ingest()?;
            io::copy(tarball, &mut ingest).map_err(broken)?;
            let committed = ingest.commit(expected.as_ref());
            let (digest, size) = committed.map_err(|e| match e {
                Error::Invalid(why) => Error::Invalid(format!("{name}: {why}")),
                other => other,
            })?;
            archive.files.insert(name, Member::Content(digest, size));
        }
    }
    Ok(())
}

fn blob_digest(name: &str) -> Result<Digest> {
    let text = name.replacen('/', ":", 1);
    text.parse()
        .map_err(|e| Error::Invalid(format!("blobs/{name}: {e}")))
}

fn take_link(archive: &mut Archive, name: String, entry: &Entry) -> Result<()> {
    let base = match entry.kind {
        Kind::Symlink => name.rsplit_once('/').map_or("", |(directory, _)| directory),
        _ => "",
    };
    match clean(base, &entry.link) {
        Some(target) => {
            archive.files.insert(name, Member::Link(target));
            Ok(())
        }
        None => Err(Error::Invalid(format!(
            "{name}: the link leads out of the archive"
        ))),
    }
}

/// A path of the archive without `.`, `..` and empty components; `None` where it leads out of it or is no text.
fn clean(base: &str, path: &[u8]) -> Option<String> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in std::str::from_utf8(path).ok()?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
