//! `navarch image`: asks the process that has the images open, or opens them itself where none does.

use std::collections::HashMap;

use anyhow::{Context, Result};
use navarch_runtime::images::Images;

use crate::cli::{self, DataDir};
use crate::control::{self, ImageRow, Request};
use crate::layout::Layout;

pub(super) async fn run(arguments: cli::Image) -> Result<()> {
    match arguments {
        cli::Image::Import { data, files } => {
            // The other process has another working directory.
            let absolute = |file: std::path::PathBuf| {
                file.canonicalize()
                    .with_context(|| file.display().to_string())
            };
            let files = files.into_iter().map(absolute).collect::<Result<_>>()?;
            for image in perform(&data, Request::Import(files)).await? {
                println!("imported {} {}", image.tags.join(" "), image.id);
            }
        }
        cli::Image::List { data } => print(&perform(&data, Request::List).await?),
        cli::Image::Remove { data, images } => {
            perform(&data, Request::Remove(images.clone())).await?;
            println!("removed {}", images.join(" "));
        }
    }
    Ok(())
}

async fn perform(data: &DataDir, request: Request) -> Result<Vec<ImageRow>> {
    // Only an import can be the first that is done in a data directory.
    let layout = match request {
        Request::Import(_) => Layout::open(&data.data_dir)?,
        Request::List | Request::Remove(_) => Layout::existing(&data.data_dir)?,
    };
    if let Some(images) = control::ask(&layout.control(), &request).await? {
        return Ok(images);
    }
    let perform =
        move || control::perform(&Images::open(&layout.images())?, &HashMap::new(), request);
    tokio::task::spawn_blocking(perform).await?
}

fn print(images: &[ImageRow]) {
    println!("{:<60} {:<20} {:>10}", "IMAGE", "ID", "SIZE");
    for image in images {
        let id: String = image
            .id
            .trim_start_matches("sha256:")
            .chars()
            .take(12)
            .collect();
        let size = format!("{:.1} MB", image.size as f64 / 1e6);
        let none = ["<none>".to_owned()];
        for tag in if image.tags.is_empty() {
            &none[..]
        } else {
            &image.tags[..]
        } {
            println!("{tag:<60} {id:<20} {size:>10}");
        }
    }
}
