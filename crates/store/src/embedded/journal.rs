//! Looking through the database's journals before it does.
//!
//! fjall takes the first thing in a journal that it cannot follow for the end, cuts the file off there and says nothing. That is
//! right for what was being written when the power failed, and loses what was acknowledged where a byte has changed in
//! between. Here the two are told apart, before anything is cut: a torn end has no whole batch behind it. The kernel writes pages
//! in any order, so a torn batch may have its end and lack something before it: of the last batch the checksum is looked at, too.
//!
//! A journal is batches one behind the other, then zeros. A batch is a start (1, number of items, sequence number), its items
//! and clears (2 and 4), and an end (3, checksum, magic), all little endian.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::rows;
use crate::Revision;

const MAGIC: &[u8; 4] = b"FJL\x03";
/// Bytes of a batch's start and of its end.
const START: usize = 13;
const END: usize = 13;

/// What lies behind the last batch that can be followed to from the beginning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing but zeros.
    Nothing,
    /// Something that is no batch and has none behind it.
    Torn,
    /// Something that is no batch, and batches behind it.
    Hole,
}

/// A journal that was looked through.
pub(super) struct Journal {
    pub(super) path: PathBuf,
    /// The newest revision that it tells of.
    pub(super) revision: Option<Revision>,
    /// Where the last batch ends.
    pub(super) end: u64,
    pub(super) rest: Rest,
}

impl Journal {
    /// Whether nothing was ever written to it.
    pub(super) fn is_blank(&self) -> bool {
        self.end == 0 && self.rest == Rest::Nothing
    }
}

/// Looks through all journals of a database, the oldest first. There are none where there is no database.
pub(super) fn all(dir: &Path) -> io::Result<Vec<Journal>> {
    let files = match std::fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut journals = Vec::new();
    for file in files {
        let path = file?.path();
        let id = path.file_name().and_then(|name| name.to_str());
        let id = id.and_then(|name| name.strip_suffix(".jnl")?.parse::<u64>().ok());
        journals.extend(id.map(|id| (id, path)));
    }
    journals.sort();
    journals.into_iter().map(|(_, path)| look(path)).collect()
}

fn look(path: PathBuf) -> io::Result<Journal> {
    let file = File::open(&path)?;
    let length = file.metadata()?.len();
    let mut from = BufReader::with_capacity(64 << 10, file);
    let (mut revision, mut end) = (None, 0);
    let (mut before, mut begin) = (None, 0);
    while let Some(batch) = batch(&mut from, length)? {
        (before, begin) = (revision, end);
        revision = batch.revision.or(revision);
        end = from.stream_position()?;
    }
    if end > begin && !is_intact(from.get_ref(), begin, end)? {
        (revision, end) = (before, begin);
    }
    let rest = rest(from.get_ref(), end)?;
    Ok(Journal {
        path,
        revision,
        end,
        rest,
    })
}

/// Whether what a batch has between its start and its end is what its checksum is of.
fn is_intact(file: &File, begin: u64, end: u64) -> io::Result<bool> {
    let mut items = vec![0; usize::try_from(end - begin).map_err(io::Error::other)?];
    file.read_exact_at(&mut items, begin)?;
    items.drain(..START);
    let ending = items.split_off(items.len() - END);
    let told = u64::from_le_bytes(ending[1..9].try_into().map_err(io::Error::other)?);
    Ok(xxhash_rust::xxh3::xxh3_64(&items) == told)
}

/// Cuts off what was being written when the power failed, as the database itself would where it can tell. What is cut off is put in
/// `aside` before: whether it was acknowledged is not always known yet.
pub(super) fn cut(journal: &Journal, aside: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(&journal.path)?;
    let torn = File::create(aside)?;
    torn.write_all_at(&written(&file, journal.end)?, 0)?;
    torn.sync_all()?;
    file.set_len(journal.end)?;
    file.sync_all()
}

/// What lies in the file from `end` on.
fn rest(file: &File, end: u64) -> io::Result<Rest> {
    let bytes = written(file, end)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Rest::Nothing);
    }
    let behind = |at: usize| {
        let bytes = bytes.get(at..).unwrap_or_default();
        let whole = batch(&mut Cursor::new(bytes), bytes.len() as u64);
        whole.is_ok_and(|whole| whole.is_some())
    };
    let mut ends = memchr::memmem::find_iter(&bytes, MAGIC).map(|at| at + MAGIC.len());
    Ok(if ends.any(behind) {
        Rest::Hole
    } else {
        Rest::Torn
    })
}

/// The bytes from `end` on that were ever written: a journal is made far longer than what is in it.
fn written(mut file: &File, end: u64) -> io::Result<Vec<u8>> {
    use rustix::fs::{SeekFrom::Data, SeekFrom::Hole, seek};
    let mut all = Vec::new();
    let mut at = end;
    loop {
        let data = match seek(file, Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => return Ok(all),
            Err(error) => return Err(error.into()),
        };
        at = seek(file, Hole(data))?;
        file.seek(SeekFrom::Start(data))?;
        file.take(at - data).read_to_end(&mut all)?;
    }
}

/// One whole batch.
struct Batch {
    revision: Option<Revision>,
}

/// Reads the batch that begins here. `None`: there is no whole one.
fn batch(from: &mut (impl BufRead + Seek), length: u64) -> io::Result<Option<Batch>> {
    match read(from, length) {
        Ok(read) => Ok(read),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(from: &mut (impl BufRead + Seek), length: u64) -> io::Result<Option<Batch>> {
    let [1] = bytes(from)? else { return Ok(None) };
    let items = u32::from_le_bytes(bytes(from)?);
    let _: [u8; 8] = bytes(from)?;
    let mut revision = None;
    for _ in 0..items {
        match bytes(from)? {
            [2] => match item(from, length)? {
                Some(found) => revision = found.or(revision),
                None => return Ok(None),
            },
            [4] => drop(bytes::<8>(from)?),
            _ => return Ok(None),
        }
    }
    let [3] = bytes(from)? else { return Ok(None) };
    let _: [u8; 8] = bytes(from)?;
    Ok((bytes(from)? == *MAGIC).then_some(Batch { revision }))
}

/// Passes over an item. Answers the revision if it is the row that says it; `None`: it is none that the database reads.
fn item(from: &mut (impl BufRead + Seek), length: u64) -> io::Result<Option<Option<Revision>>> {
    let [0 | 1 | 2 | 4, 0 | 1] = bytes(from)? else {
        return Ok(None);
    };
    let _: [u8; 8] = bytes(from)?;
    let key = u16::from_le_bytes(bytes(from)?);
    let _whole: [u8; 4] = bytes(from)?;
    let value = u32::from_le_bytes(bytes(from)?);
    if key == 1 && value < 64 {
        let [key] = bytes(from)?;
        let mut row = vec![0; value as usize];
        from.read_exact(&mut row)?;
        let of_revision = [key] == rows::REVISION;
        let revision = of_revision
            .then(|| rows::newest(&row).ok())
            .flatten()
            .map(|newest| newest.revision);
        return Ok(Some(revision));
    }
    let skipped = u64::from(key) + u64::from(value);
    if from.stream_position()? + skipped > length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    from.seek_relative(i64::from(key) + i64::from(value))?;
    Ok(Some(None))
}

fn bytes<const N: usize>(from: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
