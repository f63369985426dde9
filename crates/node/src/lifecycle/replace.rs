//! A container that runs and is not to run on as it is.

use k8s_openapi::api::core::v1::Container;
use navarch_runtime::cri::ContainerRecord;

use super::plan::Draft;
use super::{Action, IMAGE_ASKED, ProbeKind, resize};
use crate::spec;

impl Draft<'_> {
    /// Stops a container whose image is another by now, that must run anew to get other resources, or that its probes find sick; its restart follows from its end.
    pub(super) fn stop_if_outdated(&mut self, container: &Container, record: &ContainerRecord) {
        if self.view.history.stopping.contains_key(&record.id) {
            return;
        }
        let name = &container.name;
        let asked = record.config.annotations.get(IMAGE_ASKED);
        let message = if asked.is_some_and(|asked| Some(asked) != container.image.as_ref()) {
            format!("Container {name} definition changed, will be restarted")
        } else if resize::needs_restart(container, record) {
            format!("Container {name} resize requires restart")
        } else {
            return self.stop_if_sick(container, record);
        };
        let grace = spec::grace(self.view.pod);
        self.actions.push(Action::Stop {
            id: record.id.clone(),
            container: name.clone(),
            message,
            grace,
            until: self.view.after(grace),
            replace: true,
        });
    }

    fn stop_if_sick(&mut self, container: &Container, record: &ContainerRecord) {
        let failed = |kind| self.view.probe(&record.id, kind) == Some(false);
        let (what, probe) = if container.startup_probe.is_some() && failed(ProbeKind::Startup) {
            ("startup", container.startup_probe.as_ref())
        } else if container.liveness_probe.is_some() && failed(ProbeKind::Liveness) {
            ("liveness", container.liveness_probe.as_ref())
        } else {
            return;
        };
        let again = if spec::should_restart(self.view.pod, container, 137) {
            ", will be restarted"
        } else {
            ""
        };
        let grace = spec::probe_grace(self.view.pod, probe);
        self.actions.push(Action::Stop {
            id: record.id.clone(),
            container: container.name.clone(),
            message: format!("Container {} failed {what} probe{again}", container.name),
            grace,
            until: self.view.after(grace),
            replace: false,
        });
    }
}
