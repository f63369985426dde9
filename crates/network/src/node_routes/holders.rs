//! Whose a key is that more than one node says. Keys are public, so that anybody can say another's: who has had one keeps it. Pure.

use std::collections::BTreeMap;

use super::claims::Claim;
use super::plan::Here;
use crate::wireguard::PublicKey;

/// The nodes, by what packets to them are encrypted for.
pub(crate) type Holders = BTreeMap<PublicKey, String>;

/// Each key that is said is this node's own; or that of who has `had` it here, for as long as its object says it; or that of the oldest node of
/// those that have a range.
pub(super) fn holders(here: &Here, claims: &[Claim<'_>], had: &Holders) -> Holders {
    let own = here.key.map(|key| (key, here.name.clone()));
    let mut holders: Holders = own.into_iter().collect();
    let said = || {
        let key = |claim: &Claim<'_>| claim.peer.wireguard.map(|told| told.key);
        claims.iter().filter_map(move |it| Some((it, key(it)?)))
    };
    let kept = said().filter(|(claim, key)| had.get(key) == Some(&claim.peer.name));
    let new = said().filter(|(claim, _)| !claim.ranges.is_empty());
    for (claim, key) in kept.chain(new) {
        let name = || claim.peer.name.clone();
        holders.entry(key).or_insert_with(name);
    }
    holders
}
