//! `navarch kubeconfig`.

use anyhow::{Context, Result};

use crate::cli::Kubeconfig;
use crate::layout::Layout;

pub(super) fn run(arguments: &Kubeconfig) -> Result<()> {
    let path = Layout::existing(&arguments.data.data_dir)?.kubeconfig();
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "{}: is it the data directory of a cluster that was started?",
            path.display()
        )
    })?;
    print!("{text}");
    Ok(())
}
