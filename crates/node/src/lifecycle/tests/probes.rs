//! What probes have to say.

use super::*;

#[test]
fn probes_decide() {
    let probe = json!({"exec": {"command": ["x"]}});
    let spec = json!({"containers": [{"name": "app", "startupProbe": probe, "livenessProbe": probe, "readinessProbe": probe}]});
    let kinds = |case: &Case| {
        case.plan(5)
            .probes
            .iter()
            .map(|p| p.key.kind)
            .collect::<Vec<_>>()
    };
    let found = |kind, ok| {
        move |h: &mut History| {
            let container_id = "app-0".to_owned();
            h.probes.insert(ProbeKey { container_id, kind }, ok);
        }
    };
    let fresh = case(spec).with_sandbox().running("app");
    assert_eq!(kinds(&fresh), [ProbeKind::Startup]);
    let started = fresh.history(found(ProbeKind::Startup, true));
    assert_eq!(kinds(&started), [ProbeKind::Liveness, ProbeKind::Readiness]);
    assert!(!started.plan(5).status.container_statuses.unwrap()[0].ready);
    let ready = started.history(found(ProbeKind::Readiness, true));
    assert!(ready.plan(5).status.container_statuses.unwrap()[0].ready);
    let sick = ready.history(found(ProbeKind::Liveness, false));
    let told: Vec<_> = sick.plan(5).actions.iter().map(tell).collect();
    assert_eq!(
        told,
        ["stop app in 30s: Container app failed liveness probe, will be restarted"]
    );
    assert_eq!(
        kinds(&sick),
        [ProbeKind::Readiness],
        "nobody asks again what is known to be sick"
    );
}
