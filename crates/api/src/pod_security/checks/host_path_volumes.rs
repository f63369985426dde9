//! `hostPathVolumes`: no file of the host is a volume.

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod::absent::items;
use crate::pod_security::phrases::{plural, quoted};

pub(super) const ID: &str = "hostPathVolumes";

pub(super) static CHECK: Check = Check {
    id: ID,
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let volumes = items(&subject.spec.volumes).iter();
    let names: Vec<&str> = volumes
        .filter(|volume| volume.host_path.is_some())
        .map(|volume| volume.name.as_str())
        .collect();
    if names.is_empty() {
        return None;
    }
    let word = plural(names.len(), "volume", "volumes");
    violation("hostPath volumes", format!("{word} {}", quoted(names)))
}
