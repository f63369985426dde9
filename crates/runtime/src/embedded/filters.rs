//! Seccomp filters, compiled once for each profile and set of capabilities.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Embedded;
use crate::cri::{Error, Result, SecurityContext};
use crate::seccomp::{Profile, compile};

/// Bytes of a profile file that are read.
const MAX_PROFILE: u64 = 4 * 1024 * 1024;

impl Embedded {
    /// The file with the filter for a container, or `None` where it runs unconfined.
    pub(super) fn filter(
        &self,
        security: &SecurityContext,
        capabilities: &[String],
    ) -> Result<Option<PathBuf>> {
        if security.privileged {
            return Ok(None);
        }
        match security.seccomp_profile.as_str() {
            "" | "Unconfined" | "unconfined" => Ok(None),
            "RuntimeDefault" | "runtime/default" => {
                let file = self.layout.filters().join(format!(
                    "default-{}.bpf",
                    name(capabilities.join(" ").as_bytes())
                ));
                if !file.exists() {
                    write(&file, &Profile::runtime_default(capabilities))?;
                }
                Ok(Some(file))
            }
            path => self
                .local_filter(Path::new(path.strip_prefix("localhost/").unwrap_or(path)))
                .map(Some),
        }
    }

    fn local_filter(&self, path: &Path) -> Result<PathBuf> {
        use std::io::Read;
        let mut text = Vec::new();
        let read = std::fs::File::open(path)
            .and_then(|file| file.take(MAX_PROFILE).read_to_end(&mut text));
        read.map_err(|error| {
            Error::Invalid(format!(
                "failed to load seccomp profile {}: {error}",
                path.display()
            ))
        })?;
        let file = self.layout.filters().join(format!("{}.bpf", name(&text)));
        if !file.exists() {
            let profile = Profile::parse(&text).map_err(|error| {
                Error::Invalid(format!(
                    "failed to load seccomp profile {}: {error}",
                    path.display()
                ))
            })?;
            write(&file, &profile)?;
        }
        Ok(file)
    }
}

fn name(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn write(file: &Path, profile: &Profile) -> Result<()> {
    let program = compile(profile).map_err(|error| Error::Invalid(error.to_string()))?;
    let temporary = file.with_extension(format!("tmp{:?}", std::thread::current().id()));
    std::fs::write(&temporary, program)
        .and_then(|()| std::fs::rename(&temporary, file))
        .map_err(|error| Error::host("keep the seccomp filter", error))
}
