//! Links of pages that come through the proxy: those to the backend have the proxy's path put before theirs, as Kubernetes does it.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder};
use futures::{Stream, StreamExt};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use lol_html::send::{Element, HtmlRewriter, Settings};
use lol_html::{MemorySettings, element};
use parking_lot::Mutex;

use crate::encode::body::{BrokenOff, ChunkStream, ReplyBody};

/// What a page may make the rewriter keep. The rest of one that wants more goes through as it is.
const MEMORY: usize = 1 << 20;
/// The bytes that are taken at a time: packed, they may be a thousand times as many.
const PIECE: usize = 1 << 10;

/// The attributes that hold links, by element.
const LINKS: &[(&str, &[&str])] = &[
    ("a area base link", &["href"]),
    ("audio embed script source", &["src"]),
    ("blockquote del ins q", &["cite"]),
    ("frame iframe", &["longdesc", "src"]),
    ("applet", &["codebase"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("form", &["action"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["src", "usemap", "formaction"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("video", &["poster", "src"]),
];

type Output = Arc<Mutex<Vec<u8>>>;
type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// A page on its way, unpacked where it is packed.
enum Rewriting {
    Plain(Rewriter),
    Gzip(MultiGzDecoder<Rewriter>),
    Deflate(DeflateDecoder<Rewriter>),
}

struct Rewriter(Option<HtmlRewriter<'static, Sink>>);

impl Write for Rewriter {
    fn write(&mut self, page: &[u8]) -> std::io::Result<usize> {
        let rewriter = self.0.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        rewriter.write(page).map_err(std::io::Error::other)?;
        Ok(page.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Rewriting {
    /// What these headers say of an answer, if it is a page that can be read: they are of the rewritten one afterwards.
    fn of(headers: &mut HeaderMap, rewriter: Rewriter) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text(CONTENT_TYPE)?.split(';').next().unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("text/html") {
            return None;
        }
        let rewriting = match text(CONTENT_ENCODING).unwrap_or_default() {
            "" => Self::Plain(rewriter),
            "gzip" => Self::Gzip(MultiGzDecoder::new(rewriter)),
            "deflate" => Self::Deflate(DeflateDecoder::new(rewriter)),
            _ => return None,
        };
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_ENCODING);
        Some(rewriting)
    }

    fn write(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(to) => to.write_all(chunk),
            Self::Gzip(to) => to.write_all(chunk),
            Self::Deflate(to) => to.write_all(chunk),
        }
    }

    fn end(&mut self) -> std::io::Result<()> {
        let rewriter = match self {
            Self::Plain(to) => to,
            Self::Gzip(to) => {
                to.try_finish()?;
                to.get_mut()
            }
            Self::Deflate(to) => {
                to.try_finish()?;
                to.get_mut()
            }
        };
        let ended = rewriter.0.take().map(HtmlRewriter::end);
        ended.unwrap_or(Ok(())).map_err(std::io::Error::other)
    }
}

/// The answer with its links rewritten, if it is a page.
pub(super) fn rewritten(
    headers: &mut HeaderMap,
    body: ReplyBody,
    link: impl Fn(&str) -> String + Send + 'static,
) -> ReplyBody {
    let ReplyBody::Stream(chunks) = body else {
        return body;
    };
    let output = Output::default();
    match Rewriting::of(headers, rewriter(output.clone(), link)) {
        Some(rewriting) => ReplyBody::Stream(Box::pin(stream(chunks, rewriting, output))),
        None => ReplyBody::Stream(chunks),
    }
}

fn rewriter(output: Output, link: impl Fn(&str) -> String + Send + 'static) -> Rewriter {
    let handler = element!("*", move |element: &mut Element<'_, '_>| {
        let tag = element.tag_name();
        let named = LINKS
            .iter()
            .find(|(tags, _)| tags.split(' ').any(|one| one == tag));
        for name in named.into_iter().flat_map(|(_, names)| *names) {
            let found = element.get_attribute(name).unwrap_or_default();
            let target = link(&found);
            // What stays keeps its own letters, whatever their encoding is.
            if target != found {
                element.set_attribute(name, &target)?;
            }
        }
        Ok(())
    });
    let sink: Sink = Box::new(move |chunk| output.lock().extend_from_slice(chunk));
    let memory = MemorySettings::new()
        .with_max_allowed_memory_usage(MEMORY)
        .with_graceful_bail_out_on_memory_limit_exceeded(true);
    let settings = Settings::new_send()
        .append_element_content_handler(handler)
        .with_memory_settings(memory);
    Rewriter(Some(HtmlRewriter::new(settings, sink)))
}

/// Piece by piece, so that what comes of one is gone before the next. One that broke off has no end.
fn stream(
    chunks: ChunkStream,
    rewriting: Rewriting,
    output: Output,
) -> impl Stream<Item = Result<Bytes, BrokenOff>> + Send {
    let ended = futures::stream::once(std::future::ready(Ok(None)));
    let steps = chunks.flat_map(pieces).chain(ended);
    steps
        .scan(Some(rewriting), move |state, step| {
            let piece = match step {
                Ok(piece) => piece,
                Err(broken) => {
                    *state = None;
                    return std::future::ready(Some(Err(broken)));
                }
            };
            let written = state.as_mut().map(|rewriting| match &piece {
                Some(piece) => rewriting.write(piece),
                None => rewriting.end(),
            });
            if let Some(Err(error)) = &written {
                tracing::debug!(%error, "a proxied page could not be read to its end");
                *state = None;
            }
            let out = std::mem::take(&mut *output.lock());
            let goes_on = written.is_some() || !out.is_empty();
            std::future::ready(goes_on.then(|| Ok(Bytes::from(out))))
        })
        .filter(|out| std::future::ready(!matches!(out, Ok(bytes) if bytes.is_empty())))
}

/// A chunk in pieces that are worked on one at a time.
fn pieces(chunk: Result<Bytes, BrokenOff>) -> impl Stream<Item = Result<Option<Bytes>, BrokenOff>> {
    let mut left = Some(chunk);
    futures::stream::iter(std::iter::from_fn(move || match left.take()? {
        Ok(chunk) if chunk.is_empty() => None,
        Ok(mut chunk) => {
            let piece = chunk.split_to(chunk.len().min(PIECE));
            left = Some(Ok(chunk));
            Some(Ok(Some(piece)))
        }
        Err(broken) => Some(Err(broken)),
    }))
}

#[cfg(test)]
mod tests;
