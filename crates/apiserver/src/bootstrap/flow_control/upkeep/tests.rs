use super::*;

fn there<T: Kept>() -> Vec<Arc<T>> {
    T::initial().into_iter().map(Arc::new).collect()
}

fn change<T: Kept>(objects: &mut [Arc<T>], of: &str, change: impl FnOnce(&mut T)) {
    let object = objects.iter_mut().find(|it| name(&***it) == of).unwrap();
    change(Arc::make_mut(object));
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    assert!(steps(&there::<FlowSchema>()).is_empty());
    assert!(steps(&there::<PriorityLevelConfiguration>()).is_empty());
}

#[test]
fn what_is_missing_is_made() {
    let steps = steps::<PriorityLevelConfiguration>(&[]);
    assert_eq!(steps.len(), PriorityLevelConfiguration::initial().len());
    assert!(steps.iter().all(|step| step.verb() == Verb::Create));
}

#[test]
fn somebody_may_take_over_what_is_only_suggested() {
    let mut schemas = there::<FlowSchema>();
    for of in ["probes", "exempt"] {
        change(&mut schemas, of, |schema| {
            schema.metadata.annotations = Some([(AUTO_UPDATE.into(), "false".into())].into());
            schema.spec.get_or_insert_default().matching_precedence = Some(7);
        });
    }
    let steps = steps(&schemas);
    let names: Vec<&str> = steps.iter().map(Step::name).collect();
    assert_eq!(names, ["exempt"]);
}

#[test]
fn the_exempt_level_keeps_the_shares_it_was_given() {
    let mut levels = there::<PriorityLevelConfiguration>();
    change(&mut levels, "exempt", |level| {
        let spec = level.spec.get_or_insert_default();
        spec.exempt
            .get_or_insert_default()
            .nominal_concurrency_shares = Some(9);
    });
    assert!(steps(&levels).is_empty());
}

#[test]
fn what_an_older_release_made_goes() {
    let mut schemas = there::<FlowSchema>();
    let mut old = FlowSchema::initial().remove(0);
    old.metadata.name = Some("of-old".into());
    schemas.push(Arc::new(old));
    let steps = steps(&schemas);
    assert!(matches!(&steps[..], [Step::Delete { name, .. }] if name == "of-old"));
}
