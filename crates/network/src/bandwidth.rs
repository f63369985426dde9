//! How fast a pod may send and be sent to, as its annotations say. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use navarch_machinery::quantity::Quantity;
use serde::{Deserialize, Serialize};

/// What comes to the pod, by the annotation's name in Kubernetes.
const INGRESS: &str = "kubernetes.io/ingress-bandwidth";
/// What it sends.
const EGRESS: &str = "kubernetes.io/egress-bandwidth";
/// The least and the most that may be asked for, in bits a second, as in Kubernetes.
const RATES: RangeInclusive<i64> = 1_000..=1_000_000_000_000_000;

/// How fast a pod may be, in bits a second; `None`: as fast as it can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// What comes to it.
    pub ingress: Option<u64>,
    /// What it sends.
    pub egress: Option<u64>,
}

/// An annotation that limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{annotation}: {text:?} is no number of bits a second from 1k to 1P")]
pub struct InvalidBandwidth {
    /// The annotation's name.
    pub annotation: &'static str,
    /// What it says.
    pub text: String,
}

impl Bandwidth {
    /// As a pod's annotations say.
    pub(crate) fn of(annotations: &BTreeMap<String, String>) -> Result<Self, InvalidBandwidth> {
        Ok(Self {
            ingress: rate(annotations, INGRESS)?,
            egress: rate(annotations, EGRESS)?,
        })
    }
}

fn rate(
    annotations: &BTreeMap<String, String>,
    annotation: &'static str,
) -> Result<Option<u64>, InvalidBandwidth> {
    let Some(text) = annotations.get(annotation) else {
        return Ok(None);
    };
    let asked = Quantity::parse(text).ok().map(|asked| asked.value());
    let rate = asked.filter(|asked| RATES.contains(asked));
    match rate.and_then(|rate| u64::try_from(rate).ok()) {
        Some(rate) => Ok(Some(rate)),
        None => Err(InvalidBandwidth {
            annotation,
            text: text.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_its_own_limit() {
        let of = |annotation: &str, text: &str| {
            Bandwidth::of(&[(annotation.to_owned(), text.to_owned())].into())
        };
        let slow = of(INGRESS, "10M").unwrap();
        assert_eq!((slow.ingress, slow.egress), (Some(10_000_000), None));
        let slow = of(EGRESS, "1Ki").unwrap();
        assert_eq!((slow.ingress, slow.egress), (None, Some(1024)));
        assert_eq!(of("other", "x"), Ok(Bandwidth::default()));
        for bad in ["", "fast", "999", "2P", "-1M"] {
            let said = of(EGRESS, bad).unwrap_err().to_string();
            assert!(
                said.contains("egress") && said.contains("from 1k to 1P"),
                "{said}"
            );
        }
    }
}
