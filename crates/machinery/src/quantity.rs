//! Quantities: exact numbers with a unit, as `100m`, `1.5Gi` or `2e3`.
//!
//! Held in billionths, so that nothing is lost that Kubernetes keeps. What is finer is rounded away from zero; what is larger
//! than [`i128`] holds in billionths (about 10^29) is held as that bound.

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

pub use parse::reemit;

const NANOS: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `100m`, `5`, `2k`.
    #[default]
    DecimalSi,
    /// `5Mi`.
    BinarySi,
    /// `2e3`.
    DecimalExponent,
}

/// A text that is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// It has letters or an order that no quantity has.
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    /// Its number is none.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// Its suffix is none there is.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// An exact number with the format it is written in. Compares by the number alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        nanos: 0,
        format: Format::DecimalSi,
    };

    /// A whole number.
    pub fn new(value: i64, format: Format) -> Self {
        Self {
            nanos: i128::from(value) * NANOS,
            format,
        }
    }

    /// A number of thousandths, as processor time is counted.
    pub fn from_milli(value: i64) -> Self {
        Self {
            nanos: i128::from(value) * NANOS_PER_MILLI,
            format: Format::DecimalSi,
        }
    }

    /// Reads what Kubernetes reads.
    ///
    /// # Errors
    /// In Kubernetes' words.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let (nanos, format) = parse::Parts::of(text)?.amount();
        Ok(Self { nanos, format })
    }

    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The whole number, rounded away from zero, within the bounds of the type.
    pub fn value(&self) -> i64 {
        scaled(self.nanos, NANOS)
    }

    /// The number of thousandths, rounded away from zero, within the bounds of the type.
    pub fn milli_value(&self) -> i64 {
        scaled(self.nanos, NANOS_PER_MILLI)
    }

    /// The number as a float, for ratios.
    pub fn approximate(&self) -> f64 {
        self.nanos as f64 / NANOS as f64
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.nanos.signum() as i32
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        self.nanos % NANOS == 0
    }

    /// As Kubernetes writes it: no fraction, the largest suffix that loses nothing.
    pub fn canonical(&self) -> String {
        if self.nanos == 0 {
            return "0".to_owned();
        }
        let small = self.nanos.abs() < 1024 * NANOS;
        if self.format == Format::BinarySi && !small && self.is_integer() {
            return binary(self.nanos / NANOS);
        }
        decimal(self.nanos, self.format)
    }
}

fn scaled(nanos: i128, unit: i128) -> i64 {
    let rounded = nanos / unit + if nanos % unit == 0 { 0 } else { nanos.signum() };
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

fn binary(mut amount: i128) -> String {
    let mut suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].into_iter();
    let mut suffix = suffixes.next().unwrap_or_default();
    while amount % 1024 == 0 {
        let Some(next) = suffixes.next() else { break };
        (amount, suffix) = (amount / 1024, next);
    }
    format!("{amount}{suffix}")
}

fn decimal(mut amount: i128, format: Format) -> String {
    let exponential = format == Format::DecimalExponent;
    let mut exponent = -9;
    // Whole thousands only: an exponent is a multiple of three, and there is no suffix beyond 10^18.
    while amount % 1000 == 0 && (exponential || exponent < 18) {
        (amount, exponent) = (amount / 1000, exponent + 3);
    }
    let suffix = match exponent {
        _ if exponential && exponent != 0 => return format!("{amount}e{exponent}"),
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => "",
    };
    format!("{amount}{suffix}")
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

impl TryFrom<&ApiQuantity> for Quantity {
    type Error = QuantityError;

    fn try_from(quantity: &ApiQuantity) -> Result<Self, QuantityError> {
        Self::parse(&quantity.0)
    }
}

impl From<Quantity> for ApiQuantity {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.canonical())
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Add for Quantity {
    type Output = Self;

    /// The sum, in the format of the first that is not zero.
    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() {
            other.format
        } else {
            self.format
        };
        Self {
            nanos: self.nanos.saturating_add(other.nanos),
            format,
        }
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            nanos: self.nanos.saturating_neg(),
            format: self.format,
        }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, Add::add)
    }
}
