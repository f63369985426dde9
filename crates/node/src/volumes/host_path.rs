//! hostPath: a path of the host, checked or made.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use k8s_openapi::api::core::v1::HostPathVolumeSource;

/// Checks the path by its type, or makes it.
pub(super) fn check(source: &HostPathVolumeSource) -> Result<(), String> {
    let path = Path::new(&source.path);
    let kind = source.type_.as_deref().unwrap_or("");
    let refuse = |what: &str| {
        Err(format!(
            "hostPath type check failed: {} is not {what}",
            source.path
        ))
    };
    match kind {
        "" => return Ok(()),
        "DirectoryOrCreate" if !path.exists() => {
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(path);
            return made.map_err(|e| e.to_string());
        }
        "FileOrCreate" if !path.exists() => {
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(path);
            return made.map(drop).map_err(|e| e.to_string());
        }
        _ => {}
    }
    let found = fs::metadata(path).map(|m| m.file_type());
    let is = |test: fn(&fs::FileType) -> bool| found.as_ref().is_ok_and(test);
    match kind {
        "Directory" | "DirectoryOrCreate" if !is(fs::FileType::is_dir) => refuse("a directory"),
        "File" | "FileOrCreate" if !is(fs::FileType::is_file) => refuse("a file"),
        "Socket" if !is(FileTypeExt::is_socket) => refuse("a socket file"),
        "CharDevice" if !is(FileTypeExt::is_char_device) => refuse("a character device"),
        "BlockDevice" if !is(FileTypeExt::is_block_device) => refuse("a block device"),
        _ => Ok(()),
    }
}
