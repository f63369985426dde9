//! What pods left that neither the API nor the runtime knows any more: a run of the node that was killed between making or removing a
//! pod's parts and the next step.

use std::collections::HashSet;
use std::path::Path;

use super::Worker;
use crate::blocking::blocking;
use crate::spec;

impl Worker {
    /// Takes away volumes, files and logs of pods that are gone. To be called once, when it is known which pods there are and what runs.
    pub(crate) async fn remove_leftovers(&self) {
        let known = self.known_uids();
        for uid in names(&self.options.data_dir.join("pods")).await {
            if known.contains(&uid) {
                continue;
            }
            // Unmounted first: what is mounted still is not removed.
            let removed = match self.volumes.tear_down(&uid).await {
                Ok(()) => remove(&self.options.pod_dir(&uid)).await,
                Err(error) => Err(error.told()),
            };
            tell(&uid, removed);
        }
        let logs = self.options.data_dir.join("logs/pods");
        for name in names(&logs).await {
            if uid_of_logs(&name).is_some_and(|uid| !known.contains(uid)) {
                tell(&name, remove(&logs.join(&name)).await);
            }
        }
    }

    fn known_uids(&self) -> HashSet<String> {
        let pods = self.pods.snapshot();
        let wanted = pods.iter().map(|pod| spec::uid(pod).to_owned());
        wanted.chain(self.view.uids()).collect()
    }
}

/// `NAMESPACE_NAME_UID`; no part has an underscore.
fn uid_of_logs(name: &str) -> Option<&str> {
    let (rest, uid) = name.rsplit_once('_')?;
    (rest.contains('_') && !uid.is_empty()).then_some(uid)
}

async fn names(directory: &Path) -> Vec<String> {
    let directory = directory.to_owned();
    let read = blocking(move || std::fs::read_dir(directory).map(Iterator::collect)).await;
    let entries: Vec<std::io::Result<std::fs::DirEntry>> = read.flatten().unwrap_or_default();
    let entries = entries.into_iter().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

async fn remove(directory: &Path) -> Result<(), String> {
    let directory = directory.to_owned();
    let removed = blocking(move || std::fs::remove_dir_all(directory)).await;
    match removed.flatten() {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn tell(of: &str, removed: Result<(), String>) {
    match removed {
        Ok(()) => tracing::info!(of, "what a pod had left was removed"),
        Err(error) => tracing::warn!(of, error, "what a pod has left could not be removed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_logs_are_taken_for_such() {
        assert_eq!(uid_of_logs("default_web-0_a-b-c"), Some("a-b-c"));
        for name in ["default", "lost+found", "a_b", "_", "a_b_"] {
            assert_eq!(uid_of_logs(name), None, "{name}");
        }
    }
}
