//! Reads containers' logs: the last lines, from a time on, and what is still to come.

mod entry;
mod follow;
mod tail;

#[cfg(test)]
mod tests;

use std::io::SeekFrom;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncSeek, AsyncSeekExt, BufReader};
use tokio::sync::mpsc;

pub(crate) use follow::Watch;

use crate::log_files;

/// The longest entry: the runtime cuts lines at 16 KiB; beyond this a file is not a log.
const MAX_ENTRY: usize = 64 * 1024;
/// What is gathered before it is sent.
const CHUNK: usize = 32 * 1024;

/// Which lines, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on as long as the container runs.
    pub follow: bool,
    /// Only the last so many lines of what there is.
    pub tail_lines: Option<u64>,
    /// Only lines since.
    pub since: Option<Timestamp>,
    /// Each line with its time before it.
    pub timestamps: bool,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// Only this stream, as `stdout`.
    pub stream: Option<String>,
}

/// Why a log ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Nobody reads it any more, or enough was read.
    #[error("the reader is gone")]
    Enough,
    /// The file could not be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Reads `log` into `out`. With a watch, goes on until it says that the container has ended.
pub(crate) async fn read(
    log: &Path,
    options: &LogOptions,
    watch: Option<Watch>,
    out: mpsc::Sender<Bytes>,
) -> std::io::Result<()> {
    let mut writer = Writer {
        options: options.clone(),
        left: options.limit_bytes,
        partial: false,
        pending: BytesMut::new(),
        out,
    };
    match read_all(log, options, watch, &mut writer).await {
        Ok(()) | Err(ReadError::Enough) => Ok(()),
        Err(ReadError::Io(error)) => Err(error),
    }
}

async fn read_all(
    log: &Path,
    options: &LogOptions,
    watch: Option<Watch>,
    writer: &mut Writer,
) -> Result<(), ReadError> {
    let mut files = log_files::all(log).await;
    let (skip, offset) = match options.tail_lines {
        Some(lines) => tail::start(&files, lines).await?,
        None => (0, 0),
    };
    let mut last = None;
    let count = files.len();
    for (index, path) in files.drain(..).enumerate().skip(skip) {
        let mut file = match tokio::fs::File::open(&path).await {
            Ok(file) => file,
            // Rotation took it away meanwhile, or nothing was written yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if index == skip && offset > 0 {
            file.seek(SeekFrom::Start(offset)).await?;
        }
        let mut reader = BufReader::new(file);
        copy(&mut reader, writer).await?;
        if index + 1 == count {
            last = Some(reader);
        }
    }
    writer.flush().await?;
    if let Some(watch) = watch {
        follow::follow(log, last, watch, writer).await?;
    }
    Ok(())
}

/// Copies all whole entries there are. What is half written stays to be read again.
async fn copy<R: AsyncBufRead + AsyncSeek + Unpin>(
    reader: &mut R,
    writer: &mut Writer,
) -> Result<(), ReadError> {
    let mut line = Vec::new();
    loop {
        line.clear();
        match read_line(reader, &mut line).await? {
            Line::Whole => writer.entry(&line).await?,
            Line::Half(0) => return Ok(()),
            Line::Half(read) => {
                reader.seek(SeekFrom::Current(-read)).await?;
                return Ok(());
            }
        }
    }
}

/// What was read of a line.
enum Line {
    /// All of it, or the beginning of one that is too long to be an entry.
    Whole,
    /// As many bytes; the rest is not there yet.
    Half(i64),
}

async fn read_line<R: AsyncBufRead + Unpin>(
    reader: &mut R,
    line: &mut Vec<u8>,
) -> std::io::Result<Line> {
    let mut read = 0usize;
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(Line::Half(i64::try_from(read).unwrap_or(i64::MAX)));
        }
        let end = buffer.iter().position(|b| *b == b'\n');
        let take = end.map_or(buffer.len(), |end| end + 1);
        if line.len() + take <= MAX_ENTRY {
            line.extend_from_slice(&buffer[..take]);
        }
        reader.consume(take);
        read = read.saturating_add(take);
        if end.is_some() {
            return Ok(Line::Whole);
        }
    }
}

/// Sends what is wanted of entries.
struct Writer {
    options: LogOptions,
    left: Option<u64>,
    /// The last entry did not end its line.
    partial: bool,
    pending: BytesMut,
    out: mpsc::Sender<Bytes>,
}

impl Writer {
    async fn entry(&mut self, line: &[u8]) -> Result<(), ReadError> {
        let Some(entry) = entry::parse(line) else {
            return Ok(());
        };
        if self
            .options
            .stream
            .as_deref()
            .is_some_and(|wanted| wanted.as_bytes() != entry.stream)
        {
            return Ok(());
        }
        if let Some(since) = self.options.since
            && entry.time().is_some_and(|time| time < since)
        {
            return Ok(());
        }
        if self.options.timestamps && !self.partial {
            self.put(entry.stamp)?;
            self.put(b" ")?;
        }
        self.put(entry.text)?;
        if !entry.partial {
            self.put(b"\n")?;
        }
        self.partial = entry.partial;
        if self.pending.len() >= CHUNK || self.left == Some(0) {
            self.flush().await?;
        }
        if self.left == Some(0) {
            Err(ReadError::Enough)
        } else {
            Ok(())
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let take = match &mut self.left {
            None => bytes.len(),
            Some(left) => {
                let take = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= take as u64;
                take
            }
        };
        self.pending.extend_from_slice(&bytes[..take]);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ReadError> {
        if self.pending.is_empty() {
            return if self.out.is_closed() {
                Err(ReadError::Enough)
            } else {
                Ok(())
            };
        }
        self.out
            .send(self.pending.split().freeze())
            .await
            .map_err(|_| ReadError::Enough)
    }
}

/// The last lines of a log as text, for termination messages; empty where there is none.
pub(crate) async fn tail_text(log: &Path, lines: usize, bytes: usize) -> String {
    let (sender, mut receiver) = mpsc::channel(8);
    let options = LogOptions {
        tail_lines: Some(lines as u64),
        ..LogOptions::default()
    };
    let log = log.to_path_buf();
    let reading = tokio::spawn(async move { read(&log, &options, None, sender).await });
    let mut text = Vec::new();
    while let Some(chunk) = receiver.recv().await {
        text.extend_from_slice(&chunk);
        let surplus = text.len().saturating_sub(bytes);
        text.drain(..surplus);
    }
    let _ = reading.await;
    String::from_utf8_lossy(&text).into_owned()
}
