//! Messages: from a question and its outcome to an answer of the size that the asker takes. Pure.

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::Record;

/// What everybody takes over UDP.
const LEAST_PAYLOAD: u16 = 512;
/// What we say we take, and give at most: it passes every network in one packet (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
/// The longest message over TCP.
pub(super) const MAX_MESSAGE: usize = u16::MAX as usize;

/// An empty answer to a query.
pub(super) fn to(query: &Message, code: ResponseCode) -> Message {
    let asked = &query.metadata;
    let mut reply = Message::response(asked.id, asked.op_code);
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_desired = asked.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.response_code = code;
    reply.queries.clone_from(&query.queries);
    reply.metadata.checking_disabled = asked.checking_disabled;
    reply.edns = query.edns.as_ref().map(edns);
    reply
}

/// The question that others are asked to answer this query, as from this node: of what the asker's own resolver has agreed with it (EDNS) only
/// that it wants signatures.
pub(super) fn asked_for(query: &Message, question: Query) -> Message {
    let mut asked = Message::query();
    asked.metadata.recursion_desired = query.metadata.recursion_desired;
    asked.metadata.checking_disabled = query.metadata.checking_disabled;
    asked.add_query(question);
    asked.edns = query.edns.as_ref().map(edns);
    asked
}

/// Ours, for an asker who has this.
fn edns(of_asker: &Edns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    edns.set_dnssec_ok(of_asker.flags().dnssec_ok);
    edns
}

/// How long an answer over UDP may be.
pub(super) fn payload(query: &Message) -> usize {
    let offered = query.edns.as_ref().map_or(LEAST_PAYLOAD, Edns::max_payload);
    usize::from(offered.clamp(LEAST_PAYLOAD, PAYLOAD))
}

/// The bytes of an answer of at most `longest`. What does not fit is left out, and over UDP that is said, so that the asker comes again
/// by TCP.
pub(super) fn encode(mut reply: Message, longest: usize) -> Option<Vec<u8>> {
    loop {
        let bytes = reply.to_vec().ok()?;
        if bytes.len() <= longest {
            return Some(bytes);
        }
        if !reply.additionals.is_empty() {
            reply.additionals.clear();
        } else if !reply.answers.is_empty() {
            reply.metadata.truncation = longest < MAX_MESSAGE;
            let fewer = reply.answers.len() / 2;
            reply.answers.truncate(fewer);
        } else if !reply.authorities.is_empty() {
            reply.authorities.clear();
        } else {
            return None;
        }
    }
}

/// Has another of several answers come first each time, so that those who take the first take turns.
pub(super) fn rotate(answers: &mut [Record], by: u16) {
    if !answers.is_empty() {
        let by = usize::from(by) % answers.len();
        answers.rotate_left(by);
    }
}
