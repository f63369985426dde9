//! Small reads of files that others write, and directories that others do not read.

use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::blocking::blocking;

/// Makes a directory of a pod, and those above it, for root and its group alone: secrets are below. Containers see what is mounted from
/// there, wherever it is.
pub(crate) fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(directory)
}

/// The beginning of a file as text; empty where it cannot be read.
pub(crate) async fn read_beginning(path: &Path, most: usize) -> String {
    let path = path.to_owned();
    let read = move || {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    blocking(read).await.flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn users_of_the_host_do_not_come_to_a_pods_files() {
        let place = tempfile::tempdir().unwrap();
        let pod = place.path().join("pods/uid");
        super::make_private(&pod).unwrap();
        for directory in [&pod, &place.path().join("pods")] {
            let mode = std::fs::metadata(directory).unwrap().permissions().mode();
            assert_eq!(mode & 0o007, 0, "{}", directory.display());
        }
    }
}
