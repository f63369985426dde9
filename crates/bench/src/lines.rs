//! A watch: a body that is one event a line.

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// The longest event. Objects are at most 1.5 MiB in etcd, and 3 MiB as a request.
const LONGEST: usize = 4 << 20;

/// The events of a watch.
pub(crate) struct Lines {
    body: Incoming,
    buffer: Buffer,
}

impl Lines {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            buffer: Buffer::default(),
        }
    }

    /// The next event, as it came.
    pub(crate) async fn next(&mut self) -> Result<Bytes> {
        loop {
            if let Some(line) = self.buffer.line()? {
                return Ok(line);
            }
            let data = self.data().await?;
            self.buffer.0.extend_from_slice(&data);
        }
    }

    /// The next event, read. One that tells of an error is one.
    pub(crate) async fn event(&mut self) -> Result<(String, Value)> {
        let mut event: Value = serde_json::from_slice(&self.next().await?)?;
        let kind = event["type"]
            .as_str()
            .context("an event without a type")?
            .to_owned();
        let object = event["object"].take();
        if kind == "ERROR" {
            bail!("the watch failed: {object}");
        }
        Ok((kind, object))
    }

    /// Counts the events that come next, without looking at them: at least one.
    pub(crate) async fn count(&mut self) -> Result<usize> {
        loop {
            let lines = memchr::memchr_iter(b'\n', &self.data().await?).count();
            if lines > 0 {
                return Ok(lines);
            }
        }
    }

    async fn data(&mut self) -> Result<Bytes> {
        loop {
            let frame = self.body.frame().await.context("the watch has ended")??;
            if let Ok(data) = frame.into_data() {
                return Ok(data);
            }
        }
    }
}

/// What came and is no whole line yet.
#[derive(Default)]
struct Buffer(BytesMut);

impl Buffer {
    fn line(&mut self) -> Result<Option<Bytes>> {
        if let Some(end) = memchr::memchr(b'\n', &self.0) {
            return Ok(Some(self.0.split_to(end + 1).freeze()));
        }
        if self.0.len() > LONGEST {
            bail!("an event of more than {LONGEST} bytes");
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_they_end() {
        let mut buffer = Buffer(BytesMut::from("one\ntw"));
        assert_eq!(buffer.line().unwrap().unwrap(), "one\n");
        assert_eq!(buffer.line().unwrap(), None);
        buffer.0.extend_from_slice(b"o\n");
        assert_eq!(buffer.line().unwrap().unwrap(), "two\n");
    }

    #[test]
    fn a_line_that_never_ends_is_refused() {
        let mut buffer = Buffer(BytesMut::zeroed(LONGEST + 1));
        assert!(buffer.line().is_err());
    }
}
