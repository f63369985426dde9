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
