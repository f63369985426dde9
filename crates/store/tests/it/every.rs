//! What every backend does.

use std::sync::Arc;

use navarch_store::conformance::{Step, Subject, agrees_with_model};
use navarch_store::{Embedded, Memory, Options};
use proptest::prelude::*;

fn memory() -> (Subject, ()) {
    (Arc::new(Memory::new()), ())
}

fn embedded() -> (Subject, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (
        Arc::new(Embedded::open(dir.path(), Options::default()).unwrap()),
        dir,
    )
}

mod in_memory {
    navarch_store::conformance_suite!(super::memory);
}

mod on_disk {
    navarch_store::conformance_suite!(super::embedded);
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change =
        prop::collection::vec((0..8u8, prop::bool::weighted(0.7)), 0..5).prop_map(Step::Change);
    let update = (0..8u8, 0..6u8).prop_map(|(key, ago)| Step::Update(key, ago));
    let compact = (0..12u8).prop_map(Step::Compact);
    prop::collection::vec(prop_oneof![6 => change, 4 => update, 1 => compact], 0..40)
}

fn run(open: impl FnOnce() -> Subject, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { agrees_with_model(open(), steps).await });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]
    #[test]
    fn memory_agrees_with_the_model(steps in steps()) {
        run(|| Arc::new(Memory::new()), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10) })]
    #[test]
    fn the_disk_agrees_with_the_model(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        run(|| Arc::new(Embedded::open(dir.path(), Options::default()).unwrap()), &steps);
    }
}
