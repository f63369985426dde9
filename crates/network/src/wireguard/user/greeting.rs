//! What is due from time to time: keys that are to be renewed, and peers that have not been greeted.

use std::sync::atomic::Ordering;

use boringtun::noise::TunnResult;

use super::Shared;

/// How many peers are greeted at a look: each costs an agreement on keys.
const GREETED: usize = 64;

/// Looks at all peers.
pub(super) fn look(shared: &Shared, buffer: &mut [u8]) {
    shared.limiter.reset_count();
    let table = shared.table.read().clone();
    let mut greeted = 0;
    for known in table.all() {
        let mut tunn = known.talk.tunn.lock();
        // An error is a talk that has ended; what is sent next begins it anew.
        if let TunnResult::WriteToNetwork(packet) = tunn.update_timers(buffer) {
            shared.sockets.send(packet, known.peer.endpoint);
        }
        if greeted == GREETED || known.talk.is_greeted.swap(true, Ordering::Relaxed) {
            continue;
        }
        greeted += 1;
        if let TunnResult::WriteToNetwork(packet) = tunn.format_handshake_initiation(buffer, false)
        {
            shared.sockets.send(packet, known.peer.endpoint);
        }
    }
}
