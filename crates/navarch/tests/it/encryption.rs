//! Secrets on disk.

use std::path::Path;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::api_only::ApiOnly;

const PLAIN: &str = "correct horse battery staple";

/// Whether the bytes are in any file below a directory.
fn lies_in(dir: &Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return lies_in(&path, bytes);
        }
        // A socket holds nothing.
        if !path.is_file() {
            return false;
        }
        let file = std::fs::read(path).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

async fn secret(api: &ApiOnly) -> Vec<u8> {
    let secrets: Api<Secret> = Api::namespaced(api.client().await, "default");
    let read = secrets.get("s").await.unwrap();
    read.data.unwrap()["password"].0.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secrets_bytes_are_nowhere_on_disk_and_its_key_can_be_exchanged() {
    let mut api = ApiOnly::start().await;
    let secrets: Api<Secret> = Api::namespaced(api.client().await, "default");
    let secret_made = json!({"metadata": {"name": "s"}, "stringData": {"password": PLAIN}});
    let secret_made = serde_json::from_value(secret_made).unwrap();
    let params = PostParams::default();
    let made = secrets.create(&params, &secret_made).await.unwrap();
    let data = serde_json::to_value(&made).unwrap()["data"]["password"].clone();
    let encoded = data.as_str().unwrap().to_owned();
    let nowhere = |api: &ApiOnly| {
        !lies_in(&api.data(), PLAIN.as_bytes()) && !lies_in(&api.data(), encoded.as_bytes())
    };
    assert!(nowhere(&api));
    let store = api.data().join("store");
    assert!(lies_in(&store, b"k8s:enc:aesgcm:v1:key-"));
    api.kill_and_restart();
    assert_eq!(secret(&api).await, PLAIN.as_bytes());

    // A new key before the old one: all is written with it at the next start.
    let file = api.data().join("pki/encryption.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let key = "      - name: key2\n        secret: AAECAwQFBgcICQoLDA0ODw==\n";
    let old = "      - name: key-";
    let text = text.replace(old, &format!("{key}{old}"));
    std::fs::write(&file, text).unwrap();
    api.kill_and_restart();
    assert_eq!(secret(&api).await, PLAIN.as_bytes());
    assert!(nowhere(&api));
    assert!(lies_in(&store, b"k8s:enc:aesgcm:v1:key2:"));
    assert!(!lies_in(&store, b"k8s:enc:aesgcm:v1:key-"));
}
