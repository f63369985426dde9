//! Versions of the specification.

use serde_json::{Map, Value};

/// One of them, to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

/// The newest that is spoken here.
const NEWEST: Version = Version(1, 1, 0);
/// From when plugins are asked whether they can connect pods.
pub(super) const WITH_STATUS: Version = Version(1, 1, 0);
/// From when they are told which pods there are, so that they forget all others.
pub(super) const WITH_GARBAGE: Version = Version(1, 1, 0);
/// What is taken where a configuration does not say.
const OLDEST: &str = "0.2.0";

impl Version {
    /// `None`: it is no version. What is behind the three numbers does not matter.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '-', '+']).map(|it| it.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self(next()?, next()?, next()?))
    }
}

/// The version in which the plugins of a configuration are spoken to: the one that it names, or the newest of several that is spoken here.
pub(super) fn of_configuration(configuration: &Map<String, Value>) -> String {
    let one = configuration.get("cniVersion").and_then(Value::as_str);
    let several = configuration.get("cniVersions").and_then(Value::as_array);
    let several = several.into_iter().flatten().filter_map(Value::as_str);
    let spoken = |text: &&str| Version::of(text).is_some_and(|it| it <= NEWEST);
    let newest = several.filter(spoken).max_by_key(|text| Version::of(text));
    newest.or(one).unwrap_or(OLDEST).to_owned()
}
