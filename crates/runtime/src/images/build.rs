//! Making an image archive of a few files: for the demonstration image, and for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::digest::{Digest, Hasher};
use super::manifest::{
    Configuration, Descriptor, Manifest, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Platform,
    RootFs,
};
use super::reference::Reference;
use crate::cri::{Error, ImageConfig, Result};

/// Writes an OCI image layout archive with one image, of one layer that holds `files`: `(source on the host, path in the image,
/// mode)`. Directories on the way are made. The same input gives the same bytes. Error: `InvalidImageName`, `Host`.
pub fn build_archive(
    out: &Path,
    name: &str,
    files: &[(PathBuf, PathBuf, u32)],
    config: &ImageConfig,
) -> Result<()> {
    let reference = Reference::parse(name)?;
    let failed = |e| Error::host(format!("building the image archive {}", out.display()), e);
    let (layer_path, archive_path) = (out.with_extension("layer"), out.with_extension("tmp"));
    let built = build(&layer_path, &archive_path, &reference, files, config);
    // After success the second is gone already.
    let built = built.and_then(|()| fs::rename(&archive_path, out));
    for path in [&layer_path, &archive_path] {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
    }
    built.map_err(failed)
}

fn build(
    layer_path: &Path,
    archive_path: &Path,
    reference: &Reference,
    files: &[(PathBuf, PathBuf, u32)],
    config: &ImageConfig,
) -> io::Result<()> {
    let (mut layer, digest, size) = write_layer(layer_path, files)?;
    let host = Platform::host();
    let configuration = Configuration {
        architecture: host.architecture.clone(),
        os: host.os.clone(),
        config: Some(config.into()),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: Some(vec![digest.clone()]),
        },
    };
    let configuration = serde_json::to_vec(&configuration)?;
    let manifest = serde_json::to_vec(&Manifest {
        schema_version: 2,
        media_type: OCI_MANIFEST.to_owned(),
        config: describe(OCI_CONFIG, &configuration),
        layers: vec![Descriptor {
            size,
            ..named(OCI_LAYER, digest.clone())
        }],
    })?;
    let mut image = describe(OCI_MANIFEST, &manifest);
    image.platform = Some(host);
    image.annotations = Some(BTreeMap::from([(
        "io.containerd.image.name".to_owned(),
        reference.to_string(),
    )]));
    let index =
        serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image]});

    let mut archive = tar::Builder::new(File::create(archive_path)?);
    append(
        &mut archive,
        "oci-layout",
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    append(&mut archive, "index.json", &serde_json::to_vec(&index)?)?;
    for document in [&manifest, &configuration] {
        append(&mut archive, &blob(&Digest::of(document)), document)?;
    }
    archive.append_data(
        &mut header(tar::EntryType::Regular, size, 0o644),
        blob(&digest),
        &mut layer,
    )?;
    archive.into_inner()?.sync_all()
}

fn named(media_type: &str, digest: Digest) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size: 0,
        platform: None,
        annotations: None,
    }
}

fn describe(media_type: &str, document: &[u8]) -> Descriptor {
    Descriptor {
        size: document.len() as u64,
        ..named(media_type, Digest::of(document))
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    archive.append_data(
        &mut header(tar::EntryType::Regular, bytes.len() as u64, 0o644),
        name,
        bytes,
    )
}

/// The layer, to be read from its start, with its digest and size.
fn write_layer(path: &Path, files: &[(PathBuf, PathBuf, u32)]) -> io::Result<(File, Digest, u64)> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    let mut layer = tar::Builder::new(Digesting {
        file,
        hasher: Hasher::default(),
        size: 0,
    });
    let mut made = BTreeSet::new();
    for (source, target, mode) in files {
        let target = target.strip_prefix("/").unwrap_or(target);
        let mut parents: Vec<&Path> = target
            .ancestors()
            .skip(1)
            .filter(|p| !p.as_os_str().is_empty())
            .collect();
        parents.reverse();
        for parent in parents {
            if made.insert(parent.to_owned()) {
                layer.append_data(
                    &mut header(tar::EntryType::Directory, 0, 0o755),
                    parent,
                    io::empty(),
                )?;
            }
        }
        let source = File::open(source)?;
        let size = source.metadata()?.len();
        layer.append_data(
            &mut header(tar::EntryType::Regular, size, *mode),
            target,
            source.take(size),
        )?;
    }
    let Digesting {
        mut file,
        hasher,
        size,
    } = layer.into_inner()?;
    file.rewind()?;
    Ok((file, hasher.finish(), size))
}

struct Digesting {
    file: File,
    hasher: Hasher,
    size: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
