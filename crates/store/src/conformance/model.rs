//! The store against the simplest thing that could be right: a list of everything that ever happened.

use std::collections::BTreeMap;

use super::*;
use crate::{Error, Range};

/// One thing to do. Keys are small numbers, so that they meet.
#[derive(Debug, Clone)]
pub enum Step {
    /// Changes in one transaction: a key, and whether it is written (or deleted).
    Change(Vec<(u8, bool)>),
    /// Writes a key as of what was read so many revisions ago.
    Update(u8, u8),
    /// Forgets all but the last so many revisions.
    Compact(u8),
}

type State = BTreeMap<String, (String, Revision, Revision)>;

/// States and events by revision.
struct Model {
    states: Vec<State>,
    events: Vec<(Revision, String)>,
    floor: Revision,
}

fn key(number: u8) -> String {
    format!("{}/{number}", ["pods", "services"][usize::from(number % 2)])
}

impl Model {
    fn newest(&self) -> (&State, Revision) {
        let revision = self.states.len() - 1;
        (&self.states[revision], revision as Revision)
    }

    fn change(&mut self, changes: &[(u8, bool)]) -> Revision {
        let (state, revision) = self.newest();
        let (mut state, revision, before) = (state.clone(), revision + 1, self.events.len());
        for (number, write) in changes {
            let key = key(*number);
            if *write {
                let created = state.get(&key).map_or(revision, |(_, created, _)| *created);
                state.insert(key.clone(), (format!("v{revision}"), created, revision));
                self.events
                    .push((revision, format!("+{key}=v{revision}@{revision}")));
            } else if let Some((value, ..)) = state.remove(&key) {
                self.events
                    .push((revision, format!("-{key}={value}@{revision}")));
            }
        }
        if self.events.len() == before {
            return revision - 1;
        }
        self.states.push(state);
        revision
    }
}

fn op((number, write): &(u8, bool)) -> Op {
    let key = key(*number).into();
    if *write {
        Op::Put {
            key,
            value: "v".into(),
            stamp: Some(1),
        }
    } else {
        Op::Delete { key, last: None }
    }
}

/// Takes the steps in both and compares every outcome, and in the end every revision and every watch.
pub async fn agrees_with_model(store: Subject, steps: &[Step]) {
    let mut model = Model {
        states: vec![State::new()],
        events: vec![],
        floor: 0,
    };
    for step in steps {
        match step {
            Step::Change(changes) => {
                let revision = change(&store, changes.iter().map(op).collect()).await;
                assert_eq!(revision, model.change(changes));
            }
            Step::Update(number, ago) => update(&store, &mut model, *number, *ago).await,
            Step::Compact(keep) => {
                model.floor = model
                    .floor
                    .max(model.newest().1.saturating_sub((*keep).into()));
                store.compact(model.floor).await.unwrap();
            }
        }
    }
    compare(&store, &model).await;
}

async fn update(store: &Subject, model: &mut Model, number: u8, ago: u8) {
    let (state, revision) = model.newest();
    let read = usize::try_from(revision.saturating_sub(ago.into())).unwrap();
    let condition = match model.states[read].get(&key(number)) {
        Some((_, _, at)) => modified(&key(number), *at),
        None => absent(&key(number)),
    };
    let at = |state: &State| state.get(&key(number)).map(|(_, _, modified)| *modified);
    let (expected, holds) = (at(state), at(state) == at(&model.states[read]));
    let outcome = attempt(store, vec![condition], vec![op(&(number, true))]).await;
    if holds {
        assert_eq!(committed(outcome).revision, model.change(&[(number, true)]));
    } else {
        assert_eq!(refused(outcome), expected);
    }
}

async fn compare(store: &Subject, model: &Model) {
    let newest = model.newest().1;
    assert_eq!(
        (store.status().revision, store.status().compacted),
        (newest, model.floor)
    );
    for (revision, state) in (0..).zip(&model.states) {
        let snapshot = store.snapshot_at(revision);
        if revision < model.floor {
            assert!(matches!(snapshot.err(), Some(Error::Compacted { .. })));
            continue;
        }
        let page = snapshot.unwrap().range(&Range::default());
        let found: State = page
            .entries
            .iter()
            .map(|e| {
                (
                    e.key.to_string(),
                    (
                        String::from_utf8_lossy(&e.value).into_owned(),
                        e.created,
                        e.modified,
                    ),
                )
            })
            .collect();
        assert_eq!(&found, state, "at revision {revision}");
        for prefix in ["pods/", "services/", "pods/2"] {
            let told = until(&mut *store.watch(prefix, revision).unwrap(), newest).await;
            let happened = model
                .events
                .iter()
                .filter(|(at, line)| *at > revision && line[1..].starts_with(prefix));
            assert_eq!(
                told,
                happened.map(|(_, line)| line.clone()).collect::<Vec<_>>(),
                "after {revision}"
            );
        }
    }
}
