//! Rules of steps: what a packet has is put together, looked up, and judged.

use super::attributes::Writer;
use super::chains::{FIRST_REGISTER, Part, expression, number};

/// `NFT_REG_VERDICT`.
const VERDICT_REGISTER: u32 = 0;
/// `NFTA_DATA_VERDICT`, `NFTA_VERDICT_CODE` and `NFTA_VERDICT_CHAIN`.
const VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
/// `NF_ACCEPT` and `NFT_GOTO`.
const ACCEPT: i32 = 1;
const GOTO: i32 = -4;

/// A step of a rule. Places are registers of four octets, from 0 to 15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Puts a part of the packet at a place.
    Load(Part, u32),
    /// Looks up in a map of verdicts by what is at a place, and does what it says.
    Verdicts(&'static str, u32),
    /// Looks up in a set by what is at a place.
    Set(&'static str, u32),
    /// Ends the chain for the packet.
    Verdict(Verdict),
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// It goes on there.
    Goto(&'static str),
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
            Self::Verdict(verdict) => expression(list, "immediate", |immediate| {
                number(immediate, 1, VERDICT_REGISTER);
                immediate.nest(2, |data| data.nest(VERDICT, |inner| verdict.write(inner)));
            }),
        }
    }
}

impl Verdict {
    fn write(self, verdict: &mut Writer) {
        let (code, chain) = match self {
            Self::Accept => (ACCEPT, None),
            Self::Goto(chain) => (GOTO, Some(chain)),
        };
        verdict.put(VERDICT_CODE, &code.to_be_bytes());
        if let Some(chain) = chain {
            verdict.text(VERDICT_CHAIN, chain);
        }
    }
}
