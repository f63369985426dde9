//! What a node says of its WireGuard, as annotations of its own object, which nobody but it and administrators can write.

use std::fmt;
use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::{Provider, PublicKey};

/// Its public key, in base64.
const KEY: &str = "navarch.dev/wireguard-public-key";
/// The UDP port that it is reached at.
const PORT: &str = "navarch.dev/wireguard-port";
/// Who encrypts there: `kernel` or `userspace`. For people; no node looks at it.
const PROVIDER: &str = "navarch.dev/wireguard-provider";

/// What others need of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) key: PublicKey,
    pub(crate) port: NonZeroU16,
}

impl Told {
    /// `None` where the node says nothing that could be used.
    pub(crate) fn of(node: &Node) -> Option<Self> {
        let annotations = node.metadata.annotations.as_ref()?;
        Some(Self {
            key: annotations.get(KEY)?.parse().ok()?,
            port: annotations.get(PORT)?.parse().ok()?,
        })
    }
}

/// The change that has a node's object say this, and nothing of an earlier time; `None` where it does already.
pub(crate) fn change(node: &Node, wanted: Option<(Told, Provider)>) -> Option<Value> {
    let wanted = [
        (KEY, wanted.map(|(told, _)| told.key.to_string())),
        (PORT, wanted.map(|(told, _)| told.port.to_string())),
        (PROVIDER, wanted.map(|(_, provider)| provider.to_string())),
    ];
    let annotations = node.metadata.annotations.as_ref();
    let says = |key: &str| annotations.and_then(|all| all.get(key));
    if wanted
        .iter()
        .all(|(key, value)| says(key) == value.as_ref())
    {
        return None;
    }
    Some(
        json!({"metadata": {"annotations": wanted.into_iter().collect::<std::collections::BTreeMap<_, _>>()}}),
    )
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Userspace => "userspace",
        })
    }
}
