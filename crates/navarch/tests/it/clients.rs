//! The official clients of other languages, with every kind that they know: `tests/clients`.

use std::process::Command;

use crate::api_only::ApiOnly;

async fn uses_every_kind(language: &str) {
    let api = ApiOnly::with_everything().await;
    let kubeconfig = api.data().join("admin.kubeconfig");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/clients");
    let output = Command::new(script)
        .arg(language)
        .arg(kubeconfig)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let kinds = out.lines().filter(|line| line.starts_with("ok  ")).count();
    assert!(kinds > 60, "{out}\n{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python() {
    uses_every_kind("python").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn javascript() {
    uses_every_kind("javascript").await;
}
