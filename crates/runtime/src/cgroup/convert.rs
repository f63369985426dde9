//! CPU shares (version 1) as CPU weight (version 2).

/// The weight, 1 to 10000, that stands for `shares`, 2 to 262144, with 1024 shares at weight 100.
///
/// The curve is the one that runc 1.3.2 and crun 1.23 use and the Kubernetes documentation states:
/// `weight = 10^((log2(shares)² + 125·log2(shares)) / 612 − 7/34)`, rounded up.
pub fn weight_of_shares(shares: u64) -> u64 {
    if shares <= 2 {
        return 1;
    }
    if shares >= 262_144 {
        return 10_000;
    }
    #[allow(clippy::cast_precision_loss)]
    let logarithm = (shares as f64).log2();
    let exponent = (logarithm * logarithm + 125.0 * logarithm) / 612.0 - 7.0 / 34.0;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let weight = 10f64.powf(exponent).ceil() as u64;
    weight.clamp(1, 10_000)
}
