//! What survives a restart of the agent: one file an attachment, and the address that was handed out last.
//!
//! A file is written before the interface is made and removed after it is gone, so that there is never an interface without its
//! file. Files are replaced whole but not synced: a namespace does not survive what an unsynced file does not survive.

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::IpAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{Attachment, Error};

const SUFFIX: &str = ".json";
const UNFINISHED: &str = ".unfinished";
/// By family: of IPv4 and of IPv6.
const LAST_ADDRESSES: [&str; 2] = ["last-address", "last-address-v6"];
/// The longest way to write an IPv6 address.
const MAX_ADDRESS: usize = 39;
const MAX_ID: usize = 128;
/// Far more than an attachment with every host port a pod may have.
const MAX_FILE: u64 = 1 << 20;

/// The directory the files are in.
#[derive(Debug)]
pub(crate) struct Records {
    directory: PathBuf,
    last_addresses: [File; 2],
}

/// What a start finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) last_addresses: Vec<IpAddr>,
}

impl Records {
    /// Makes the directory if need be and reads what is in it. A file that cannot be understood is removed with a warning: it was
    /// cut short by a crash of the whole machine, which left no pod either.
    pub(crate) fn open(directory: PathBuf) -> Result<(Self, Found), Error> {
        let opened = fs::create_dir_all(&directory).and_then(|()| open_last_addresses(&directory));
        let last_addresses = opened.map_err(|source| Error::State {
            path: directory.clone(),
            source,
        })?;
        let records = Self {
            directory,
            last_addresses,
        };
        let found = records.read()?;
        Ok((records, found))
    }

    /// Writes an attachment, in place of an earlier one of its sandbox.
    pub(crate) fn write(&self, attachment: &Attachment) -> Result<(), Error> {
        let path = self.path(&attachment.sandbox_id);
        let bytes = serde_json::to_vec(attachment).map_err(io::Error::other);
        self.state(&path, bytes.and_then(|bytes| replace(&path, &bytes)))
    }

    /// Removes a sandbox's file, if it is there.
    pub(crate) fn remove(&self, sandbox_id: &str) -> Result<(), Error> {
        let path = self.path(sandbox_id);
        self.state(&path, absent_is_fine(fs::remove_file(&path)))
    }

    /// Remembers the address that was handed out last. In place, and of one length: replacing a file makes some file systems write
    /// it out at once, and half an address would only be one that is not this pool's.
    pub(crate) fn write_last_address(&self, ip: IpAddr) -> Result<(), Error> {
        let text = format!("{:<MAX_ADDRESS$}", ip.to_string());
        let [of_v4, of_v6] = &self.last_addresses;
        let [name_v4, name_v6] = LAST_ADDRESSES;
        let (file, name) = match ip {
            IpAddr::V4(_) => (of_v4, name_v4),
            IpAddr::V6(_) => (of_v6, name_v6),
        };
        self.state(
            &self.directory.join(name),
            file.write_all_at(text.as_bytes(), 0),
        )
    }

    /// Removes the files and, unless something else is in it, the directory.
    pub(crate) fn remove_all(directory: &Path) -> Result<(), Error> {
        let removed = remove_files(directory).and_then(|()| match fs::remove_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => removed,
        });
        absent_is_fine(removed).map_err(|source| Error::State {
            path: directory.to_owned(),
            source,
        })
    }

    fn read(&self) -> Result<Found, Error> {
        let mut found = Found::default();
        for entry in self.state(&self.directory, fs::read_dir(&self.directory))? {
            let path = self.state(&self.directory, entry)?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if LAST_ADDRESSES.contains(&name) {
                let last = read_limited(&path, MAX_FILE).ok();
                let last = last.and_then(|text| text.trim().parse::<IpAddr>().ok());
                found.last_addresses.extend(last);
            } else if let Some(sandbox_id) = name.strip_suffix(SUFFIX) {
                match parse(&path, sandbox_id) {
                    Ok(attachment) => found.attachments.push(attachment),
                    Err(error) => {
                        tracing::warn!(path = %path.display(), %error, "removing an attachment file that cannot be read");
                        self.state(&path, absent_is_fine(fs::remove_file(&path)))?;
                    }
                }
            }
        }
        Ok(found)
    }

    fn path(&self, sandbox_id: &str) -> PathBuf {
        self.directory.join(format!("{sandbox_id}{SUFFIX}"))
    }

    fn state<T>(&self, path: &Path, result: io::Result<T>) -> Result<T, Error> {
        result.map_err(|source| Error::State {
            path: path.to_owned(),
            source,
        })
    }
}

/// Whether there is the file of any attachment. Other files, and directories of others, may be there as well.
pub(crate) fn has_any(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_str().is_some_and(|name| name.ends_with(SUFFIX)))
}

/// Refuses an id that would not name a file of its own in the directory.
pub(crate) fn validate_id(sandbox_id: &str) -> Result<(), Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let valid = (1..=MAX_ID).contains(&sandbox_id.len())
        && !sandbox_id.starts_with('.')
        && sandbox_id.bytes().all(plain);
    if valid {
        Ok(())
    } else {
        Err(Error::InvalidSandboxId(sandbox_id.to_owned()))
    }
}

fn parse(path: &Path, sandbox_id: &str) -> io::Result<Attachment> {
    let attachment: Attachment = serde_json::from_str(&read_limited(path, MAX_FILE)?)?;
    if attachment.sandbox_id != sandbox_id || validate_id(sandbox_id).is_err() {
        return Err(io::Error::other("the file is of another sandbox"));
    }
    Ok(attachment)
}

/// The text of a file of no more octets than that. Error: `FileTooLarge`.
pub(crate) fn read_limited(path: &Path, most: u64) -> io::Result<String> {
    if fs::metadata(path)?.len() > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read_to_string(path)
}

fn remove_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if LAST_ADDRESSES.contains(&name) || name.ends_with(SUFFIX) || name.ends_with(UNFINISHED) {
            absent_is_fine(fs::remove_file(&path))?;
        }
    }
    Ok(())
}

fn open_last_addresses(directory: &Path) -> io::Result<[File; 2]> {
    let open = |name| {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join(name))
    };
    let [of_v4, of_v6] = LAST_ADDRESSES;
    Ok([open(of_v4)?, open(of_v6)?])
}

/// There is one writer, the network's thread, so one name for the unfinished file will do; its suffix keeps it from being read.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)
}

pub(crate) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(sandbox_id: &str) -> Attachment {
        Attachment {
            sandbox_id: sandbox_id.to_owned(),
            pod: None,
            netns: "/run/netns/x".into(),
            ips: vec!["10.0.0.2".parse().unwrap()],
            gateway: "10.0.0.1".parse().unwrap(),
            prefix_len: 24,
            mac: "0a:58:0a:00:00:02".to_owned(),
            host_interface: "nv0".to_owned(),
            host_ports: Vec::new(),
            bandwidth: crate::Bandwidth::default(),
        }
    }

    #[test]
    fn what_is_written_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (records, found) = Records::open(dir.path().join("a/b")).unwrap();
        assert!(found.attachments.is_empty() && found.last_addresses.is_empty());
        // What plugins of others leave is no attachment.
        fs::create_dir(dir.path().join("a/b/cni")).unwrap();
        assert!(!has_any(&dir.path().join("a/b")));
        records.write(&attachment("x")).unwrap();
        assert!(has_any(&dir.path().join("a/b")));
        records.write(&attachment("y.z")).unwrap();
        let last = ["10.0.0.9", "fd00::9"].map(|ip| ip.parse().unwrap());
        for ip in last {
            records.write_last_address(ip).unwrap();
        }
        records.remove("x").unwrap();
        records.remove("x").unwrap();
        let (_, found) = Records::open(dir.path().join("a/b")).unwrap();
        assert_eq!(found.attachments, [attachment("y.z")]);
        let mut found = found.last_addresses;
        found.sort();
        assert_eq!(found, last);
    }

    #[test]
    fn a_file_that_was_cut_short_goes() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.json"), "{\"sandbox_id\":").unwrap();
        fs::write(
            dir.path().join("y.json"),
            serde_json::to_vec(&attachment("x")).unwrap(),
        )
        .unwrap();
        fs::write(dir.path().join("z.unfinished"), "").unwrap();
        fs::write(dir.path().join(LAST_ADDRESSES[0]), "ten").unwrap();
        let (_, found) = Records::open(dir.path().to_owned()).unwrap();
        assert!(found.attachments.is_empty() && found.last_addresses.is_empty());
        assert!(!dir.path().join("x.json").exists() && !dir.path().join("y.json").exists());
    }

    #[test]
    fn ids_cannot_leave_the_directory() {
        for id in ["", ".", "..", ".x", "a/b", "../x", "a\0", &"x".repeat(129)] {
            assert!(
                matches!(validate_id(id), Err(Error::InvalidSandboxId(_))),
                "{id:?}"
            );
        }
        assert!(validate_id("0123abc.DEF_g-h").is_ok());
    }
}
