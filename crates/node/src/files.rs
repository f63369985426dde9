//! Small reads of files that others write.

use std::path::Path;

use tokio::io::AsyncReadExt;

/// The beginning of a file as text; empty where it cannot be read.
pub(crate) async fn read_beginning(path: &Path, most: usize) -> String {
    let Ok(file) = tokio::fs::File::open(path).await else {
        return String::new();
    };
    let mut bytes = Vec::new();
    if file
        .take(most as u64)
        .read_to_end(&mut bytes)
        .await
        .is_err()
    {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
