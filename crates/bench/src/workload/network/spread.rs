//! The median of several rounds and how far they lie apart.

use crate::figures;

/// Prints `NAME`, the median, and `NAME_least` and `NAME_most`.
pub(super) fn print(name: &str, values: &[f64], unit: &str) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
        return;
    };
    figures::print(name, median(&sorted), unit);
    figures::print(&format!("{name}_least"), *least, unit);
    figures::print(&format!("{name}_most"), *most, unit);
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[half - 1], sorted[half]),
        _ => sorted[half],
    }
}

/// What each round gave, beside what the same round of another gave.
pub(super) fn beside(values: &[f64], others: &[f64], compared: fn(f64, f64) -> f64) -> Vec<f64> {
    let pairs = values.iter().zip(others);
    pairs
        .map(|(value, other)| compared(*value, *other))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        assert!((median(&[1.0, 2.0, 9.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[1.0, 2.0, 4.0, 9.0]) - 3.0).abs() < 1e-9);
    }
}
