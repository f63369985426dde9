use super::*;

#[test]
fn results_need_as_many_equal_outcomes_in_a_row() {
    let probe = Probe {
        success_threshold: Some(2),
        failure_threshold: Some(3),
        ..Probe::default()
    };
    let mut thresholds = Thresholds::new(&probe);
    let outcomes = [true, true, true, false, false, true, false, false, false];
    let results: Vec<_> = outcomes
        .into_iter()
        .map(|ok| thresholds.count(ok))
        .collect();
    assert_eq!(
        results,
        [
            None,
            Some(true),
            Some(true),
            None,
            None,
            None,
            None,
            None,
            Some(false)
        ]
    );
}

#[test]
fn a_probe_that_could_not_be_carried_out_counts_neither_way() {
    let mut thresholds = Thresholds::new(&Probe {
        failure_threshold: Some(2),
        ..Probe::default()
    });
    let failure = || Outcome::Failure("no".into());
    let error = || Outcome::Error("the runtime is away".into());
    assert_eq!(thresholds.take(&failure()), None);
    for _ in 0..5 {
        assert_eq!(thresholds.take(&error()), None);
    }
    assert_eq!(thresholds.take(&failure()), Some(false));
    assert_eq!(thresholds.take(&Outcome::Warning("hm".into())), Some(true));
}
