use std::io::Read;

use flate2::Compression;
use flate2::read::GzEncoder;
use http::HeaderValue;
use http_body_util::BodyExt;

use super::*;

const PAGE: &[u8] = b"<!doctype html><body background=/b.png>\n<a HREF='/x?a=1&amp;b=2' class=\"k\">/x</a>\
    <img src=\"y.png\"><p cite=/no>a < b<!-- <a href=/c> --></p><script src=/s.js>var a = '<a href=/t>';</script></body>";
const REWRITTEN: &str = "<!doctype html><body background=\"/proxy/b.png\">\n<a HREF=\"/proxy/x?a=1&amp;b=2\" class=\"k\">/x</a>\
    <img src=\"y.png\"><p cite=/no>a < b<!-- <a href=/c> --></p><script src=\"/proxy/s.js\">var a = '<a href=/t>';</script></body>";

/// What becomes of a page that comes in pieces of this many bytes.
async fn through(
    page: &[u8],
    piece: usize,
    headers: &[(&'static str, &'static str)],
) -> (String, HeaderMap) {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.insert(*name, HeaderValue::from_static(value));
    }
    let chunks: Vec<_> = page
        .chunks(piece)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    let body = ReplyBody::Stream(Box::pin(futures::stream::iter(chunks)));
    let link = |url: &str| match url.starts_with('/') {
        true => format!("/proxy{url}"),
        false => url.to_owned(),
    };
    let body = rewritten(&mut all, body, link);
    let bytes = body.collect().await.unwrap().to_bytes();
    (String::from_utf8_lossy(&bytes).into_owned(), all)
}

#[tokio::test]
async fn links_lead_through_the_proxy() {
    for piece in [1, 7, 1000] {
        let headers = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-length", "1"),
        ];
        let (page, headers) = through(PAGE, piece, &headers).await;
        assert_eq!(page, REWRITTEN);
        assert!(!headers.contains_key("content-length"));
    }
}

#[tokio::test]
async fn packed_pages_are_unpacked() {
    let mut packed = Vec::new();
    GzEncoder::new(PAGE, Compression::fast())
        .read_to_end(&mut packed)
        .unwrap();
    let headers = [("content-type", "text/html"), ("content-encoding", "gzip")];
    let (page, after) = through(&packed, 5, &headers).await;
    assert_eq!(page, REWRITTEN);
    assert!(!after.contains_key("content-encoding"));
    // Packed in two parts, and with something else behind them.
    let twice = [&*packed, &*packed, b"broken"].concat();
    let (page, _) = through(&twice, 1000, &headers).await;
    assert_eq!(page, format!("{REWRITTEN}{REWRITTEN}"));
}

#[tokio::test]
async fn everything_else_goes_through_as_it_is() {
    let text = String::from_utf8_lossy(PAGE);
    for headers in [
        [("content-type", "text/plain"), ("content-length", "9")],
        [("content-type", "text/html"), ("content-encoding", "br")],
    ] {
        let (page, after) = through(PAGE, 9, &headers).await;
        assert_eq!(page, text);
        assert_eq!(after.len(), 2);
    }
}
