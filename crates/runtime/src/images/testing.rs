//! What the tests make images of.

use std::io::Write;
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};

use super::digest::Digest;
use super::manifest::Platform;

/// A layer, entry by entry, hostile ones too: names are written as they are given.
#[derive(Default)]
pub(super) struct Layer(Vec<u8>);

pub(super) fn header(kind: EntryType, path: &str, link: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(size);
    header.set_mode(if kind == EntryType::Directory {
        0o755
    } else {
        0o644
    });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000);
    header
}

impl Layer {
    pub(super) fn entry(mut self, mut header: Header, data: &[u8]) -> Self {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, path: &str, data: &str) -> Self {
        self.entry(
            header(EntryType::Regular, path, "", data.len() as u64),
            data.as_bytes(),
        )
    }

    pub(super) fn directory(self, path: &str) -> Self {
        self.entry(header(EntryType::Directory, path, "", 0), b"")
    }

    pub(super) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(header(EntryType::Symlink, path, target, 0), b"")
    }

    pub(super) fn hardlink(self, path: &str, target: &str) -> Self {
        self.entry(header(EntryType::Link, path, target, 0), b"")
    }

    /// An extended attribute or another record for the entry that follows.
    pub(super) fn record(self, key: &str, value: &[u8]) -> Self {
        let rest = key.len() + value.len() + 3;
        let length = (rest..)
            .find(|length| length.to_string().len() + rest == *length)
            .unwrap();
        let mut record = format!("{length} {key}=").into_bytes();
        record.extend_from_slice(value);
        record.push(b'\n');
        self.entry(
            header(EntryType::XHeader, "pax", "", record.len() as u64),
            &record,
        )
    }

    pub(super) fn tar(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image's documents and blobs, as a registry or a layout holds them.
pub(super) struct TestImage {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<Vec<u8>>,
}

impl TestImage {
    /// Of plain layers, as they are stored.
    pub(super) fn new(layers: &[Layer]) -> Self {
        let tars: Vec<Vec<u8>> = layers.iter().map(Layer::tar).collect();
        Self::of(&tars, tars.clone())
    }

    /// Of plain layers and what is stored for them.
    pub(super) fn of(plain: &[Vec<u8>], layers: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<Digest> = plain.iter().map(|tar| Digest::of(tar)).collect();
        let config = serde_json::to_vec(&serde_json::json!({
            "architecture": Platform::host().architecture, "os": "linux",
            "config": {"Cmd": ["/bin/app"], "Env": ["A=b"], "User": "7"},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }))
        .unwrap();
        let describe =
            |bytes: &Vec<u8>| serde_json::json!({"digest": Digest::of(bytes), "size": bytes.len()});
        let manifest = serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2, "config": describe(&config), "layers": layers.iter().map(describe).collect::<Vec<_>>(),
        }))
        .unwrap();
        Self {
            manifest,
            config,
            layers,
        }
    }

    pub(super) fn id(&self) -> String {
        Digest::of(&self.config).to_string()
    }

    pub(super) fn blobs(&self) -> Vec<&Vec<u8>> {
        self.layers
            .iter()
            .chain([&self.config, &self.manifest])
            .collect()
    }

    /// Its entry in an index, with a name.
    pub(super) fn descriptor(&self, name: &str) -> serde_json::Value {
        serde_json::json!({
            "digest": Digest::of(&self.manifest), "size": self.manifest.len(),
            "annotations": {"io.containerd.image.name": name},
        })
    }
}

/// An archive of named files.
pub(super) fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn blob_file(bytes: &[u8]) -> (String, Vec<u8>) {
    (
        format!("blobs/sha256/{}", Digest::of(bytes).hex()),
        bytes.to_vec(),
    )
}

/// An OCI layout archive of images, each under a name.
pub(super) fn layout(images: &[(&str, &TestImage)]) -> Vec<u8> {
    let manifests: Vec<_> = images
        .iter()
        .map(|(name, image)| image.descriptor(name))
        .collect();
    let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
    let mut files: Vec<(String, Vec<u8>)> = images
        .iter()
        .flat_map(|(_, image)| image.blobs())
        .map(|b| blob_file(b))
        .collect();
    files.push(("index.json".to_owned(), serde_json::to_vec(&index).unwrap()));
    archive(&files)
}

pub(super) fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
