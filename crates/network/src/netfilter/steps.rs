//! Rules of steps: what a packet has is put together, looked up, and judged.

use super::attributes::Writer;
use super::chains::{FIRST_REGISTER, Part, expression, number};

/// `NFT_REG_VERDICT`.
const VERDICT_REGISTER: u32 = 0;
/// `NFTA_DATA_VERDICT` and `NFTA_VERDICT_CODE`.
const VERDICT: u16 = 2;
const CODE: u16 = 1;
/// `NF_ACCEPT`.
const ACCEPT: i32 = 1;

/// A step of a rule. Places are registers of four octets, from 0 to 15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Puts a part of the packet at a place.
    Load(Part, u32),
    /// Looks up in a map of verdicts by what is at a place, and does what it says.
    Verdicts(&'static str, u32),
    /// Looks up in a set by what is at a place.
    Set(&'static str, u32),
    /// Lets the packet through.
    Accept,
}

impl Step {
    pub(super) fn write(&self, family: u8, list: &mut Writer) {
        match self {
            Self::Load(part, place) => {
                part.load(family, FIRST_REGISTER + place, list);
            }
            Self::Verdicts(map, place) => expression(list, "lookup", |lookup| {
                lookup.text(1, map);
                number(lookup, 2, FIRST_REGISTER + place);
                number(lookup, 3, VERDICT_REGISTER);
            }),
            Self::Set(set, place) => expression(list, "lookup", |lookup| {
                lookup.text(1, set);
                number(lookup, 2, FIRST_REGISTER + place);
            }),
            Self::Accept => expression(list, "immediate", |immediate| {
                number(immediate, 1, VERDICT_REGISTER);
                let accept = |verdict: &mut Writer| verdict.put(CODE, &ACCEPT.to_be_bytes());
                immediate.nest(2, |data| data.nest(VERDICT, accept));
            }),
        }
    }
}
