//! Layers and archives as somebody would make them who means ill: every byte of a header can be chosen.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

/// A tar stream in the making.
#[derive(Default)]
pub(super) struct Layer(Vec<u8>);

impl Layer {
    /// A file.
    pub(super) fn file(self, name: &str, mode: u32, content: &[u8]) -> Self {
        let size = content.len() as u64;
        self.entry(EntryType::Regular, name, mode, "", size, content)
    }

    /// A directory.
    pub(super) fn directory(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, 0o755, "", 0, b"")
    }

    /// A link of either kind.
    pub(super) fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        self.entry(kind, name, 0o777, target, 0, b"")
    }

    /// A device.
    pub(super) fn device(self, kind: EntryType, name: &str, major: u32, minor: u32) -> Self {
        let mut header = header(kind, name, 0o666, "", 0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.append(header, b"")
    }

    /// A file that is said to be of this size.
    pub(super) fn claims(self, name: &str, size: u64) -> Self {
        self.entry(EntryType::Regular, name, 0o644, "", size, b"little")
    }

    fn entry(
        self,
        kind: EntryType,
        name: &str,
        mode: u32,
        link: &str,
        size: u64,
        content: &[u8],
    ) -> Self {
        self.append(header(kind, name, mode, link, size), content)
    }

    fn append(mut self, mut header: Header, content: &[u8]) -> Self {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        let rest = content.len().next_multiple_of(512) - content.len();
        self.0.extend(std::iter::repeat_n(0, rest));
        self
    }

    /// The finished stream.
    pub(super) fn tar(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// With the names as they are given: the `tar` crate itself would not write some of them.
fn header(kind: EntryType, name: &str, mode: u32, link: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    let fields = header.as_gnu_mut().unwrap();
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// An image's archive: an OCI layout with these layers, each as it is unpacked and as it is in the archive.
pub(super) fn archive(name: &str, layers: &[(Vec<u8>, Vec<u8>)]) -> Layer {
    let diffs: Vec<String> = layers.iter().map(|(tar, _)| digest(tar)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": diffs},
    });
    let config = config.to_string().into_bytes();
    let descriptor = |kind: &str, bytes: &[u8]| {
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(bytes), "size": bytes.len(),
        })
    };
    let described: Vec<Value> = layers
        .iter()
        .map(|(_, packed)| descriptor("layer.v1.tar", packed))
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", &config), "layers": described,
    });
    let manifest = manifest.to_string().into_bytes();
    let mut listed = descriptor("manifest.v1+json", &manifest);
    listed["annotations"] =
        json!({"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name});
    let index = json!({"schemaVersion": 2, "manifests": [listed]}).to_string();
    let blob = |bytes: &[u8]| format!("blobs/{}", digest(bytes).replace(':', "/"));
    let mut archive = Layer::default()
        .file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)
        .file("index.json", 0o644, index.as_bytes())
        .file(&blob(&manifest), 0o644, &manifest)
        .file(&blob(&config), 0o644, &config);
    for (_, packed) in layers {
        archive = archive.file(&blob(packed), 0o644, packed);
    }
    archive
}

/// A layer as it is, not compressed.
pub(super) fn plain(layer: Layer) -> (Vec<u8>, Vec<u8>) {
    let tar = layer.tar();
    (tar.clone(), tar)
}

/// What a container needs to run a shell.
pub(super) fn shell() -> Layer {
    let busybox = std::fs::read("/bin/busybox").unwrap();
    Layer::default()
        .directory("bin/")
        .file("bin/busybox", 0o755, &busybox)
        .link(EntryType::Symlink, "bin/sh", "busybox")
}
