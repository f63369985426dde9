//! The probes that are to run.

use navarch_runtime::cri::ContainerState;

use super::plan::Draft;
use super::{ProbeKey, ProbeKind, ProbeWanted};
use crate::spec;

impl Draft<'_> {
    pub(super) fn want_probes(&mut self) {
        let view = self.view;
        for container in spec::all_containers(view.pod) {
            let Some(record) = view.actual.latest(&container.name) else {
                continue;
            };
            let plain_init =
                spec::is_init(view.pod, &container.name) && !spec::restartable(container);
            if record.state != ContainerState::Running || plain_init || view.is_starting(record) {
                continue;
            }
            let mut want = |kind| {
                let key = ProbeKey {
                    container_id: record.id.clone(),
                    kind,
                };
                self.probes.push(ProbeWanted {
                    key,
                    container: container.name.clone(),
                });
            };
            let healthy = !self.terminating && !view.history.stopping.contains_key(&record.id);
            // What is found to be sick is stopped: as with the kubelet, there is no more to ask until another container is there.
            let undecided = |kind| healthy && view.probe(&record.id, kind) != Some(false);
            if !view.started(container, record) {
                if container.startup_probe.is_some() && undecided(ProbeKind::Startup) {
                    want(ProbeKind::Startup);
                }
                continue;
            }
            if container.liveness_probe.is_some() && undecided(ProbeKind::Liveness) {
                want(ProbeKind::Liveness);
            }
            if container.readiness_probe.is_some() {
                want(ProbeKind::Readiness);
            }
        }
    }
}
