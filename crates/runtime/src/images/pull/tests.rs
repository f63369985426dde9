//! Pulls from a small registry on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;

use super::super::testing::{Layer, TestImage, gzip};
use super::*;

#[derive(Default)]
struct Content {
    manifests: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    authorization: Option<&'static str>,
    requests: Mutex<Vec<String>>,
}

struct Server {
    address: std::net::SocketAddr,
    content: Arc<Content>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(content: Content) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, content) = (listener.local_addr().unwrap(), Arc::new(content));
        let shared = content.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let content = shared.clone();
                let service = service_fn(move |request| {
                    let answer = content.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            address,
            content,
            task,
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    fn blobs_asked_for(&self) -> usize {
        self.content
            .requests
            .lock()
            .iter()
            .filter(|path| path.contains("/blobs/"))
            .count()
    }
}

impl Content {
    fn of(image: &TestImage) -> Self {
        let mut content = Self::default();
        content.manifests.insert("1".into(), image.manifest.clone());
        content.manifests.insert(
            Digest::of(&image.manifest).to_string(),
            image.manifest.clone(),
        );
        for blob in image.blobs() {
            content
                .blobs
                .insert(Digest::of(blob).to_string(), blob.clone());
        }
        content
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        self.requests.lock().push(path.clone());
        let given = request
            .headers()
            .get("authorization")
            .and_then(|v| v.to_str().ok());
        if self.authorization.is_some() && given != self.authorization {
            let body =
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
            return answer(StatusCode::UNAUTHORIZED, body.as_bytes());
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        let (found, code) = match path.split('/').rev().nth(1) {
            Some("manifests") => (self.manifests.get(last), "MANIFEST_UNKNOWN"),
            Some("blobs") => (self.blobs.get(last), "BLOB_UNKNOWN"),
            _ => return answer(StatusCode::OK, b"{}"),
        };
        match found {
            Some(bytes) => answer(StatusCode::OK, bytes),
            None => {
                let body = format!(
                    r#"{{"errors":[{{"code":"{code}","message":"{last} is unknown here"}}]}}"#
                );
                answer(StatusCode::NOT_FOUND, body.as_bytes())
            }
        }
    }
}

fn answer(status: StatusCode, body: &[u8]) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body)));
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            "www-authenticate",
            http::HeaderValue::from_static("Basic realm=\"test\""),
        );
    }
    response
}

fn image() -> TestImage {
    let plain: Vec<Vec<u8>> = (0..6)
        .map(|n| {
            Layer::default()
                .file(&format!("f{n}"), &format!("{n}").repeat(5000))
                .tar()
        })
        .collect();
    TestImage::of(&plain, plain.iter().map(|tar| gzip(tar)).collect())
}

fn open() -> (tempfile::TempDir, Images) {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::open(dir.path()).unwrap();
    (dir, images)
}

#[track_caller]
fn refused(result: Result<PullProgress>, why: &str) {
    match result {
        Err(Error::Pull { reference, reason }) => {
            assert!(reference.starts_with("127.0.0.1:"), "{reference}");
            assert!(reason.contains(why), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_whole_and_only_once() {
    let image = image();
    let server = Server::start(Content::of(&image)).await;
    let (_dir, images) = open();
    let progress = Progress::default();
    let pulled = images
        .pull(&server.name("team/app:1"), None, &progress)
        .await
        .unwrap();
    let expected: u64 = image
        .layers
        .iter()
        .chain([&image.config])
        .map(|b| b.len() as u64)
        .sum();
    assert_eq!(
        (pulled.bytes, progress.total.load(Ordering::Relaxed)),
        (expected, expected)
    );
    assert_eq!(pulled.image.id, image.id());
    assert_eq!(pulled.image.tags, [server.name("team/app:1")]);
    let digest = Digest::of(&image.manifest);
    assert_eq!(
        pulled.image.digests,
        [server.name(&format!("team/app@{digest}"))]
    );
    assert_eq!(server.blobs_asked_for(), 7);

    let again = images
        .pull(
            &server.name(&format!("team/app@{digest}")),
            None,
            &Progress::default(),
        )
        .await
        .unwrap();
    assert_eq!((again.bytes, server.blobs_asked_for()), (0, 7));
    assert_eq!(again.image, pulled.image);
    let rootfs = images.prepare("c", &image.id()).unwrap();
    assert_eq!(
        std::fs::read_to_string(rootfs.join("f5")).unwrap(),
        "5".repeat(5000)
    );
    images.release("c").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_gives_this_machines_image_under_the_indexs_digest() {
    let image = image();
    let mut content = Content::of(&image);
    let index = serde_json::to_vec(&serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"digest": Digest::of(b"other"), "size": 5, "platform": {"os": "windows", "architecture": "amd64"}},
        {"digest": Digest::of(&image.manifest), "size": image.manifest.len(),
         "platform": {"os": "linux", "architecture": super::super::manifest::Platform::host().architecture}},
    ]})).unwrap();
    content.manifests.insert("multi".into(), index.clone());
    let server = Server::start(content).await;
    let (_dir, images) = open();
    let pulled = images
        .pull(&server.name("app:multi"), None, &Progress::default())
        .await
        .unwrap();
    assert_eq!(pulled.image.id, image.id());
    assert_eq!(
        pulled.image.digests,
        [server.name(&format!("app@{}", Digest::of(&index)))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_says_is_told() {
    let server = Server::start(Content::of(&image())).await;
    let (_dir, images) = open();
    let progress = Progress::default();
    refused(
        images.pull(&server.name("app:none"), None, &progress).await,
        "manifest unknown: none is unknown here",
    );
    assert!(matches!(
        images.pull("Bad Name", None, &progress).await,
        Err(Error::InvalidImageName { .. })
    ));
    let gone = server.address;
    drop(server);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_ne!(gone, closed);
    refused(
        images
            .pull(&format!("{closed}/app:1"), None, &progress)
            .await,
        "onnection refused",
    );
    assert!(images.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_shown_to_the_registry() {
    // user:secret
    let server = Server::start(Content {
        authorization: Some("Basic dXNlcjpzZWNyZXQ="),
        ..Content::of(&image())
    })
    .await;
    let (_dir, images) = open();
    let name = server.name("app:1");
    let with = |password: &str| {
        Some(Credentials {
            username: "user".into(),
            password: password.into(),
        })
    };
    let progress = Progress::default();
    refused(images.pull(&name, None, &progress).await, "uthori");
    refused(images.pull(&name, with("wrong"), &progress).await, "uthori");
    images.pull(&name, with("secret"), &progress).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_lies_is_not_believed_and_leaves_nothing() {
    let image = image();
    let layer = Digest::of(&image.layers[3]).to_string();
    let (dir, images) = open();
    let short = image.layers[3][..100].to_vec();
    let long = [image.layers[3].as_slice(), b"more"].concat();
    let mut other = image.layers[3].clone();
    other[50] ^= 1;
    for (lie, why) in [
        (short, "igest"),
        (long, "more bytes than announced"),
        (other, "igest"),
    ] {
        let mut content = Content::of(&image);
        content.blobs.insert(layer.clone(), lie);
        let server = Server::start(content).await;
        refused(
            images
                .pull(&server.name("app:1"), None, &Progress::default())
                .await,
            why,
        );
    }
    let mut content = Content::of(&image);
    content.blobs.remove(&layer);
    let server = Server::start(content).await;
    refused(
        images
            .pull(&server.name("app:1"), None, &Progress::default())
            .await,
        "blob unknown",
    );
    let digest = Digest::of(b"another");
    let mut content = Content::of(&image);
    content
        .manifests
        .insert(digest.to_string(), image.manifest.clone());
    let server = Server::start(content).await;
    refused(
        images
            .pull(
                &server.name(&format!("app@{digest}")),
                None,
                &Progress::default(),
            )
            .await,
        "igest",
    );
    assert!(images.list().is_empty());
    for left in [
        "content/blobs/sha256",
        "content/ingest",
        "snapshots/layers",
        "snapshots/staging",
    ] {
        assert_eq!(
            std::fs::read_dir(dir.path().join(left)).unwrap().count(),
            0,
            "{left}"
        );
    }
}

#[test]
fn no_image_is_larger_than_any_that_is_of_use() {
    let sized = |size| Descriptor {
        media_type: String::new(),
        digest: Digest::of(b"x"),
        size,
        platform: None,
        annotations: None,
    };
    let (small, large, more) = (sized(7), sized(u64::MAX), sized(MAX_IMAGE));
    assert_eq!(total(&[&small, &small]).unwrap(), 14);
    assert!(total(&[&large, &large]).is_err());
    assert!(total(&[&more, &small]).is_err());
}
