//! Rules that look up with what they have looked up, step by step.

use super::attributes::Writer;
use super::chains::{FIRST_REGISTER, Part, expression, number};

/// `NFT_REG_VERDICT`.
const VERDICT_REGISTER: u32 = 0;
/// `NFTA_DATA_VERDICT`, `NFTA_VERDICT_CODE` and `NFTA_VERDICT_CHAIN`.
const VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
/// `NF_DROP`, `NFT_JUMP` and `NFT_RETURN`.
const DROP: i32 = 0;
const JUMP: i32 = -3;
const RETURN: i32 = -5;

/// A step of a rule. Places are registers of four octets, from 0 to 15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Puts a part of the packet at a place.
    Load(Part, u32),
    /// Looks up in a map by what is at a place, and puts there what it has.
    Map(&'static str, u32),
    /// Looks up in a set by what is at a place.
    Set(&'static str, u32),
    /// Ends the chain for the packet.
    Verdict(Verdict),
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Drop,
    /// Back to where the chain was jumped to from.
    Return,
    /// There, and back.
    Jump(&'static str),
}

impl Step {
    pub(super) fn write(&self, family: u8, list: &mut Writer) {
        match self {
            Self::Load(part, place) => {
                part.load(family, FIRST_REGISTER + place, list);
            }
            Self::Map(map, place) => expression(list, "lookup", |lookup| {
                lookup.text(1, map);
                number(lookup, 2, FIRST_REGISTER + place);
                number(lookup, 3, FIRST_REGISTER + place);
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
            Self::Drop => (DROP, None),
            Self::Return => (RETURN, None),
            Self::Jump(chain) => (JUMP, Some(chain)),
        };
        verdict.put(VERDICT_CODE, &code.to_be_bytes());
        if let Some(chain) = chain {
            verdict.text(VERDICT_CHAIN, chain);
        }
    }
}
