//! Where the last lines of a log begin.

use std::io::SeekFrom;
use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

const BLOCK: u64 = 16 * 1024;

/// The index of the file and the offset in it from which `lines` lines are left. `files`: the oldest first.
pub(super) async fn start(files: &[PathBuf], lines: u64) -> std::io::Result<(usize, u64)> {
    let mut wanted = lines;
    for (index, path) in files.iter().enumerate().rev() {
        let mut file = match tokio::fs::File::open(path).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let length = file.metadata().await?.len();
        if wanted == 0 {
            return Ok((index, length));
        }
        match offset(&mut file, length, wanted).await? {
            Ok(offset) => return Ok((index, offset)),
            Err(found) => wanted -= found.min(wanted),
        }
    }
    Ok((0, 0))
}

/// `Err`: the file has fewer lines; how many.
async fn offset(
    file: &mut tokio::fs::File,
    length: u64,
    lines: u64,
) -> std::io::Result<Result<u64, u64>> {
    let mut found = 0;
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(begin)).await?;
        block.clear();
        (&mut *file)
            .take(end - begin)
            .read_to_end(&mut block)
            .await?;
        for (place, _) in block.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            let after = begin + place as u64 + 1;
            if after == length {
                // The newline that ends the last line begins none.
                continue;
            }
            found += 1;
            if found == lines {
                return Ok(Ok(after));
            }
        }
        end = begin;
    }
    let whole = if length > 0 { found + 1 } else { 0 };
    Ok(if whole >= lines && length > 0 {
        Ok(0)
    } else {
        Err(whole)
    })
}
