use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_api::call::Gvr;
use navarch_api::def::Verb;
use navarch_machinery::status::StatusError;
use proptest::prelude::*;
use serde_json::json;

use super::simulation::Simulation;
use super::{annotations, available, limits, wanted};
use crate::plan::Expected;
use crate::{Failure, pods};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Deployment,
    Set(prop::sample::Index),
    Ready(prop::sample::Index),
    Unready(prop::sample::Index),
    Dies(prop::sample::Index),
    Bury,
    Time(u8),
    Image(u8),
    Replicas(u8),
    Strategy(u8, u8),
    Pause(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => Just(Event::Deployment),
        10 => index().prop_map(Event::Set),
        8 => index().prop_map(Event::Ready),
        1 => index().prop_map(Event::Unready),
        1 => index().prop_map(Event::Dies),
        3 => Just(Event::Bury),
        2 => (1..20u8).prop_map(Event::Time),
        1 => (0..4u8).prop_map(Event::Image),
        1 => (0..9u8).prop_map(Event::Replicas),
        1 => (0..4u8, 0..4u8).prop_map(|(surge, unavailable)| Event::Strategy(surge, unavailable)),
        1 => any::<bool>().prop_map(Event::Pause),
    ]
}

/// What was promised: how many pods must stay available and how many there may be.
fn promise(sim: &Simulation) -> (i32, i32) {
    let rollout = super::Rollout {
        deployment: std::sync::Arc::new(sim.deployment.clone()),
        spec: sim.deployment.spec.clone().unwrap(),
        new: None,
        old: Vec::new(),
        now: sim.now,
    };
    let limits = limits::of(&rollout);
    (
        rollout.replicas() - limits.unavailable,
        rollout.replicas() + limits.surge,
    )
}

/// What is available by what the controllers have told, and will be when the sets have the sizes that they are told to have.
fn kept(sim: &Simulation) -> i32 {
    sim.sets
        .values()
        .map(|set| available(set).min(wanted(set)))
        .sum()
}

fn total(sim: &Simulation) -> i32 {
    sim.sets.values().map(wanted).sum()
}

fn is_scaled(sim: &Simulation) -> bool {
    let replicas = sim.deployment.spec.as_ref().unwrap().replicas;
    let mut active = sim.sets.values().filter(|set| wanted(set) > 0);
    active.any(|set| annotations::desired(set) != replicas)
}

fn happen(sim: &mut Simulation, event: Event) {
    let pick = |index: prop::sample::Index, names: Vec<&String>| {
        (!names.is_empty()).then(|| names[index.index(names.len())].clone())
    };
    match event {
        Event::Deployment => {
            let (least, most) = promise(sim);
            let spec = sim.deployment.spec.as_ref().unwrap();
            let recreates = spec.strategy.as_ref().unwrap().type_.as_deref() == Some("Recreate");
            let rolls = !is_scaled(sim) && spec.paused != Some(true) && !recreates;
            let (kept_before, total_before) = (kept(sim), total(sim));
            sim.step();
            assert!(
                !rolls || kept(sim) >= kept_before.min(least),
                "too few: {} of {least}",
                kept(sim)
            );
            assert!(
                total(sim) <= total_before.max(most),
                "too many: {} of {most}",
                total(sim)
            );
        }
        Event::Set(index) => {
            if let Some(name) = pick(index, sim.sets.keys().collect()) {
                sim.step_set(&name);
            }
        }
        Event::Ready(index) | Event::Unready(index) => {
            let ready = matches!(event, Event::Ready(_));
            if let Some(name) = pick(index, sim.pods.keys().collect()) {
                sim.set_ready(&name, ready);
            }
        }
        Event::Dies(index) => {
            if let Some(name) = pick(index, sim.pods.keys().collect()) {
                sim.pods.remove(&name);
            }
        }
        Event::Bury => sim.bury(),
        Event::Time(seconds) => sim.pass(seconds.into()),
        Event::Image(image) => sim.image(&image.to_string()),
        Event::Replicas(replicas) => sim.edit(|spec| spec.replicas = Some(replicas.into())),
        Event::Strategy(surge, unavailable) => sim.edit(|spec| {
            let rolling = spec
                .strategy
                .as_mut()
                .unwrap()
                .rolling_update
                .get_or_insert_default();
            rolling.max_surge = Some(IntOrString::Int(
                i32::from(surge).max(i32::from(unavailable == 0)),
            ));
            rolling.max_unavailable = Some(IntOrString::Int(unavailable.into()));
        }),
        Event::Pause(paused) => sim.edit(|spec| spec.paused = paused.then_some(true)),
    }
}

fn is_at_rest(sim: &Simulation) {
    let spec = sim.deployment.spec.as_ref().unwrap();
    let replicas = spec.replicas.unwrap();
    let newest = sim.newest();
    assert_eq!(
        sim.sizes().iter().map(|(_, size)| size).sum::<i32>(),
        replicas
    );
    assert_eq!((wanted(newest), available(newest)), (replicas, replicas));
    assert_eq!(
        sim.pods_of(newest)
            .filter(|pod| pods::is_active(pod))
            .count(),
        usize::try_from(replicas).unwrap()
    );
    let status = sim.deployment.status.as_ref().unwrap();
    let counts = [
        status.replicas,
        status.updated_replicas,
        status.available_replicas,
        status.ready_replicas,
    ];
    assert_eq!(counts, [Some(replicas).filter(|n| *n > 0); 4]);
    assert_eq!(status.unavailable_replicas, None);
    assert_eq!(
        status.observed_generation,
        sim.deployment.metadata.generation
    );
    assert_eq!(
        annotations::revision(&sim.deployment.metadata),
        annotations::revision(&newest.metadata)
    );
    let old = sim.sets.len() - 1;
    assert!(old <= usize::try_from(spec.revision_history_limit.unwrap()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_roll_out_breaks_its_promise_and_each_comes_to_rest(
        events in prop::collection::vec(event(), 0..150),
        min_ready in 0..3i32,
        recreate in prop::bool::weighted(0.1),
    ) {
        let mut sim = Simulation::of(json!({"minReadySeconds": min_ready, "revisionHistoryLimit": 2}));
        if recreate {
            sim.edit(|spec| spec.strategy.as_mut().unwrap().type_ = Some("Recreate".into()));
        }
        for event in events {
            happen(&mut sim, event);
        }
        sim.edit(|spec| spec.paused = None);
        sim.settle();
        is_at_rest(&sim);
        prop_assert_eq!(sim.condition("Available"), "True MinimumReplicasAvailable: Deployment has minimum availability.");
    }
}

#[test]
fn a_new_deployment_tells_what_it_does() {
    let mut sim = Simulation::of(json!({}));
    sim.step();
    let name = sim.sets.keys().next().unwrap().clone();
    assert_eq!(
        sim.told,
        [format!(
            "ScalingReplicaSet Scaled up replica set {name} from 0 to 3"
        )]
    );
    assert_eq!(
        sim.condition("Progressing"),
        format!("True NewReplicaSetCreated: Created new replica set \"{name}\"")
    );
    sim.step();
    // First the pods, then the status that tells of them.
    sim.step_sets();
    sim.step_sets();
    sim.step();
    assert_eq!(
        sim.condition("Available"),
        "False MinimumReplicasUnavailable: Deployment does not have minimum availability."
    );
    assert_eq!(
        sim.condition("Progressing"),
        format!("True ReplicaSetUpdated: ReplicaSet \"{name}\" is progressing.")
    );
    sim.settle();
    assert_eq!(
        sim.condition("Available"),
        "True MinimumReplicasAvailable: Deployment has minimum availability."
    );
    assert_eq!(
        sim.condition("Progressing"),
        format!("True NewReplicaSetAvailable: ReplicaSet \"{name}\" has successfully progressed.")
    );
    let set = sim.newest();
    let annotation = |name: &str| set.metadata.annotations.as_ref().unwrap()[name].clone();
    assert_eq!(annotation("deployment.kubernetes.io/desired-replicas"), "3");
    assert_eq!(annotation("deployment.kubernetes.io/max-replicas"), "4");
    assert_eq!(annotation("deployment.kubernetes.io/revision"), "1");
    let of_deployment = &sim.deployment.metadata;
    assert_eq!(annotations::revision(of_deployment), 1);
    assert_eq!(
        of_deployment.generation,
        Some(1),
        "its user changed nothing"
    );
}

#[test]
fn an_old_template_that_comes_back_takes_its_old_set_with_a_new_revision() {
    let mut sim = Simulation::of(json!({}));
    sim.settle();
    let first = sim.newest().metadata.uid.clone();
    sim.image("1");
    sim.settle();
    assert_eq!(annotations::revision(&sim.deployment.metadata), 2);
    sim.image("0");
    sim.settle();
    assert_eq!(sim.newest().metadata.uid, first);
    assert_eq!(annotations::revision(&sim.deployment.metadata), 3);
    let history = &sim.newest().metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision-history"];
    assert_eq!(history, "1");
    sim.image("1");
    sim.settle();
    sim.image("0");
    sim.settle();
    let history = &sim.newest().metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision-history"];
    assert_eq!(history, "1,3");
}

#[test]
fn the_oldest_revisions_over_the_limit_go() {
    let mut sim = Simulation::of(json!({"revisionHistoryLimit": 1}));
    for image in ["0", "1", "2", "3"] {
        sim.image(image);
        sim.settle();
    }
    assert_eq!(sim.sizes(), [("2".to_owned(), 0), ("3".to_owned(), 3)]);
}

#[test]
fn a_paused_deployment_rolls_nothing_out_but_scales() {
    let mut sim = Simulation::of(json!({}));
    sim.settle();
    sim.edit(|spec| spec.paused = Some(true));
    sim.image("1");
    sim.settle();
    assert_eq!(
        sim.condition("Progressing"),
        "Unknown DeploymentPaused: Deployment is paused"
    );
    sim.edit(|spec| spec.replicas = Some(5));
    sim.settle();
    assert_eq!(sim.sizes(), [("0".to_owned(), 5)]);
    sim.edit(|spec| spec.paused = None);
    sim.step();
    assert_eq!(
        sim.condition("Progressing"),
        "Unknown DeploymentResumed: Deployment is resumed"
    );
    sim.settle();
    assert_eq!(sim.sizes(), [("0".to_owned(), 0), ("1".to_owned(), 5)]);
}

#[test]
fn a_roll_out_that_does_not_move_is_stuck_after_its_deadline() {
    let mut sim = Simulation::of(json!({"progressDeadlineSeconds": 10}));
    for _ in 0..6 {
        sim.step();
        sim.step_sets();
    }
    let wake = sim.plan().wake.unwrap();
    assert_eq!(wake.duration_since(sim.now).as_secs(), 11);
    sim.pass(11);
    sim.step();
    let name = sim.newest().metadata.name.clone().unwrap();
    assert_eq!(
        sim.condition("Progressing"),
        format!("False ProgressDeadlineExceeded: ReplicaSet \"{name}\" has timed out progressing.")
    );
    assert_eq!(sim.step(), 0);
    sim.settle();
    is_at_rest(&sim);
}

#[test]
fn the_first_moves_of_a_rolling_update_are_as_documented() {
    // As in Kubernetes' documentation: of 10 with 3 and 2 the new set gets 5 and the old one keeps 8.
    let rolling = json!({"maxSurge": 3, "maxUnavailable": 2});
    let mut sim = Simulation::of(
        json!({"replicas": 10, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}),
    );
    sim.settle();
    sim.image("1");
    stall(&mut sim);
    assert_eq!(sim.sizes(), [("0".to_owned(), 8), ("1".to_owned(), 5)]);
    // And scaled to 15 in the middle of it, both grow by their share: 3 more for the old, 2 more for the new.
    sim.edit(|spec| spec.replicas = Some(15));
    stall(&mut sim);
    assert_eq!(sim.sizes(), [("0".to_owned(), 11), ("1".to_owned(), 7)]);
}

/// Every controller does what it wants, but no new pod becomes ready.
fn stall(sim: &mut Simulation) {
    for _ in 0..20 {
        let busy = sim.step() + sim.step_sets();
        sim.bury();
        if busy == 0 {
            return;
        }
    }
    panic!("{:?}", sim.told);
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let mut sim = Simulation::of(json!({"strategy": {"type": "Recreate"}}));
    sim.settle();
    sim.image("1");
    for _ in 0..5 {
        sim.step();
        sim.step_sets();
    }
    assert_eq!(sim.sizes(), [("0".to_owned(), 0)]);
    let last = sim.pods.keys().next().unwrap().clone();
    sim.pods.retain(|name, _| *name == last);
    sim.step();
    assert_eq!(sim.sets.len(), 1);
    sim.bury();
    sim.settle();
    assert_eq!(sim.sizes(), [("0".to_owned(), 0), ("1".to_owned(), 3)]);
}

#[test]
fn a_set_that_cannot_make_pods_shows_on_the_deployment() {
    let mut sim = Simulation::of(json!({}));
    sim.step();
    let status = json!({"replicas": 0, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]});
    sim.sets.values_mut().next().unwrap().status = Some(serde_json::from_value(status).unwrap());
    for _ in 0..3 {
        sim.step();
    }
    assert_eq!(sim.condition("ReplicaFailure"), "True FailedCreate: quota");
}

#[test]
fn a_set_that_cannot_be_made_shows_once_on_the_deployment() {
    let mut sim = Simulation::of(json!({}));
    let failure = Failure {
        verb: Verb::Create,
        resource: Gvr::of::<ReplicaSet>(),
        error: StatusError::forbidden("apps", "replicasets", "d-1", "no more of them"),
    };
    let told = sim.plan_after(&failure);
    sim.carry_out(told);
    let said = sim.condition("Progressing");
    assert!(
        said.starts_with("False ReplicaSetCreateError: Failed to create new replica set \"d-")
            && said.ends_with("no more of them"),
        "{said}"
    );
    // It is not told again, but tried, and when that succeeds the condition says so.
    let again = sim.plan_after(&failure);
    sim.carry_out(again);
    assert!(
        sim.condition("Progressing")
            .starts_with("True NewReplicaSetCreated")
    );
    let other = Failure {
        verb: Verb::Update,
        ..failure
    };
    let mut sim = Simulation::of(json!({}));
    let made = sim.plan_after(&other);
    sim.carry_out(made);
    assert_eq!(sim.sets.len(), 1);
}

/// One that is gone, and not yet known to be, would have its set made again as often as it is collected.
#[test]
fn before_a_set_is_made_its_deployment_is_looked_for() {
    let sim = Simulation::of(json!({}));
    let plan = sim.plan();
    let verbs: Vec<Verb> = plan.actions().map(|action| action.call.verb).collect();
    assert_eq!(verbs[..2], [Verb::Get, Verb::Create]);
    let uid = sim.deployment.metadata.uid.clone().unwrap();
    let expected = plan.actions().next().unwrap().expected.clone();
    assert_eq!(expected, Some(Expected::Alive(uid)));
    assert!(
        plan.steps[0].actions.len() == 1,
        "the set waits for the answer"
    );
}

#[test]
fn pods_that_go_are_counted_once_every_set_has_said_how_many() {
    let mut sim = Simulation::of(json!({}));
    sim.step();
    sim.step();
    let told = |sim: &Simulation| sim.deployment.status.as_ref().unwrap().terminating_replicas;
    assert_eq!(told(&sim), None);
    sim.settle();
    assert_eq!(told(&sim), Some(0));
}
