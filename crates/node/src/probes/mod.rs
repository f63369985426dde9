//! Probes: one task each, that tells of changes.

mod check;
mod grpc;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use navarch_client::{EventRecorder, EventType};
use navarch_runtime::cri::{ContainerState, Runtime};

pub(crate) use check::Outcome;

use crate::lifecycle::ProbeKind;
use crate::spec;

/// How often a probe that could not be carried out is repeated at once.
const RETRIES: usize = 3;

/// The waits between the first tries of a container that has just started, in milliseconds; together less than the shortest period.
const EARLY: [u64; 6] = [10, 20, 40, 80, 160, 320];

/// What a probe is of.
pub(crate) struct Subject {
    pub(crate) pod: Arc<Pod>,
    pub(crate) container: Container,
    pub(crate) container_id: String,
    pub(crate) pod_ip: String,
    pub(crate) kind: ProbeKind,
}

impl ProbeKind {
    /// As events name it.
    fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }

    fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => container.startup_probe.as_ref(),
            Self::Liveness => container.liveness_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
        }
    }
}

/// How a run of equal outcomes becomes a result.
pub(crate) struct Thresholds {
    success: u32,
    failure: u32,
    row: Option<(bool, u32)>,
}

impl Thresholds {
    fn new(probe: &Probe) -> Self {
        let count = |value: Option<i32>, default: u32| {
            value
                .and_then(|v| u32::try_from(v).ok())
                .filter(|v| *v > 0)
                .unwrap_or(default)
        };
        Self {
            success: count(probe.success_threshold, 1),
            failure: count(probe.failure_threshold, 3),
            row: None,
        }
    }

    /// The result of one more probe. One that could not be carried out says nothing of the container, as with the kubelet.
    fn take(&mut self, outcome: &Outcome) -> Option<bool> {
        match outcome {
            Outcome::Success | Outcome::Warning(_) => self.count(true),
            Outcome::Failure(_) => self.count(false),
            Outcome::Error(_) => None,
        }
    }

    /// The result, once as many in a row are equal.
    fn count(&mut self, ok: bool) -> Option<bool> {
        let count = match self.row {
            Some((last, count)) if last == ok => count.saturating_add(1),
            _ => 1,
        };
        self.row = Some((ok, count));
        (count >= if ok { self.success } else { self.failure }).then_some(ok)
    }
}

/// Probes until dropped. `report` gets every result that thresholds let through.
pub(crate) async fn run(
    subject: Subject,
    runtime: Arc<dyn Runtime>,
    events: EventRecorder,
    report: impl Fn(bool) + Send,
) {
    let Some(probe) = subject.kind.of(&subject.container).cloned() else {
        return;
    };
    let seconds = |value: Option<i32>, default: u64| {
        Duration::from_secs(
            value
                .and_then(|v| u64::try_from(v).ok())
                .filter(|v| *v > 0)
                .unwrap_or(default),
        )
    };
    let (period, timeout) = (
        seconds(probe.period_seconds, 10),
        seconds(probe.timeout_seconds, 1),
    );
    tokio::time::sleep(Duration::from_secs(
        probe
            .initial_delay_seconds
            .and_then(|v| u64::try_from(v).ok())
            .unwrap_or(0),
    ))
    .await;
    let mut thresholds = Thresholds::new(&probe);
    if early(&subject, &probe, &*runtime, timeout).await && thresholds.success == 1 {
        report(true);
        tokio::time::sleep(period).await;
    }
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let outcome = probe_once(&subject, &probe, &*runtime, timeout).await;
        if matches!(outcome, Outcome::Error(_)) && !runs(&subject, &*runtime).await {
            // It has ended while it was asked, which is told where ends are told.
            continue;
        }
        tell(&subject, &events, &outcome);
        let result = thresholds.take(&outcome);
        if let Some(ok) = result {
            report(ok);
        }
        if result == Some(false) && subject.kind != ProbeKind::Readiness {
            // The container is to be stopped for it.
            return;
        }
    }
}

async fn runs(subject: &Subject, runtime: &dyn Runtime) -> bool {
    let container = runtime.container(&subject.container_id).await;
    container.is_ok_and(|container| container.state == ContainerState::Running)
}

/// Whether a container that has just started is well at once. A period is long compared with the start of most programs, so
/// readiness and startup are asked for a few times first; failures do not count yet and nobody is told. Not by running commands,
/// which cost the node much.
async fn early(subject: &Subject, probe: &Probe, runtime: &dyn Runtime, timeout: Duration) -> bool {
    let delayed = probe.initial_delay_seconds.unwrap_or(0) > 0;
    if subject.kind == ProbeKind::Liveness || probe.exec.is_some() || delayed {
        return false;
    }
    for wait in EARLY {
        if matches!(
            check::check(subject, probe, runtime, timeout).await,
            Outcome::Success
        ) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    false
}

async fn probe_once(
    subject: &Subject,
    probe: &Probe,
    runtime: &dyn Runtime,
    timeout: Duration,
) -> Outcome {
    let mut outcome = Outcome::Error("not probed".into());
    for _ in 0..RETRIES {
        outcome = check::check(subject, probe, runtime, timeout).await;
        if !matches!(outcome, Outcome::Error(_)) {
            break;
        }
    }
    outcome
}

fn tell(subject: &Subject, events: &EventRecorder, outcome: &Outcome) {
    let title = subject.kind.title();
    let (reason, message) = match outcome {
        Outcome::Success => return,
        Outcome::Warning(text) => ("ProbeWarning", format!("{title} probe warning: {text}")),
        Outcome::Failure(text) => ("Unhealthy", format!("{title} probe failed: {text}")),
        Outcome::Error(text) => (
            "Unhealthy",
            format!("{title} probe errored and resulted in unknown state: {text}"),
        ),
    };
    let path = spec::field_path(&subject.pod, &subject.container.name);
    events.event_at(&*subject.pod, &path, EventType::Warning, reason, message);
}
