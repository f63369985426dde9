//! What goes wrong between a part and the API server, drawn from one seed.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// So many calls of a cluster of a few nodes at one moment are of somebody who goes round in a circle.
const MOST_AT_ONCE: usize = 20_000;

/// How often what goes wrong, each as a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// A call does not reach the server.
    pub refused: f64,
    /// A call is carried out, and its answer is lost.
    pub lost: f64,
    /// A call, its answer, or an event of a watch is late.
    pub late: f64,
    /// How late at most.
    pub delay: Duration,
    /// A watch breaks at an event.
    pub broken: f64,
}

impl Rates {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        refused: 0.0,
        lost: 0.0,
        late: 0.0,
        delay: Duration::ZERO,
        broken: 0.0,
    };
    /// All that is seen is old, and nothing is lost.
    pub const STALE: Self = Self {
        late: 0.5,
        delay: Duration::from_secs(3),
        ..Self::NONE
    };
    /// A bad day.
    pub const ROUGH: Self = Self {
        refused: 0.05,
        lost: 0.05,
        late: 0.3,
        delay: Duration::from_secs(4),
        broken: 0.02,
    };
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    Refused,
    Lost,
}

struct State {
    random: fastrand::Rng,
    rates: Rates,
    cut: BTreeSet<String>,
    /// The moment of the last call, and how many there were at it.
    moment: Option<(Instant, usize)>,
    circle: Option<String>,
}

/// The network's weather, and all else that is drawn.
pub struct Faults(Mutex<State>);

impl Faults {
    /// Nothing goes wrong at first.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            rates: Rates::NONE,
            cut: BTreeSet::new(),
            moment: None,
            circle: None,
        }))
    }

    /// From now on this goes wrong.
    pub fn set(&self, rates: Rates) {
        self.0.lock().rates = rates;
    }

    /// Cuts a part off from the API server, or joins it again.
    pub fn cut(&self, name: &str, cut: bool) {
        let all = &mut self.0.lock().cut;
        match cut {
            true => drop(all.insert(name.to_owned())),
            false => drop(all.remove(name)),
        }
    }

    /// Whether a part is cut off.
    pub(crate) fn is_cut(&self, name: &str) -> bool {
        self.0.lock().cut.contains(name)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&self, end: usize) -> usize {
        self.0.lock().random.usize(..end)
    }

    /// Whether something of that probability happens.
    pub fn happens(&self, probability: f64) -> bool {
        self.0.lock().random.f64() < probability
    }

    /// A time of at most so long.
    pub fn within(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.0.lock().random.f64())
    }

    /// Whether calls go round in a circle at one moment, so that no time would pass any more.
    pub(crate) fn circles(&self, call: impl FnOnce() -> String) -> bool {
        let state = &mut *self.0.lock();
        let now = Instant::now();
        let before = state.moment.filter(|(at, _)| *at == now);
        let calls = before.map_or(1, |(_, calls)| calls + 1);
        state.moment = Some((now, calls));
        if calls > MOST_AT_ONCE {
            state.circle.get_or_insert_with(call);
        }
        calls > MOST_AT_ONCE
    }

    /// The call that was made again and again, if one was.
    pub fn circle(&self) -> Option<String> {
        self.0.lock().circle.clone()
    }

    pub(crate) fn fate(&self) -> Fate {
        let rates = self.0.lock().rates;
        if self.happens(rates.refused) {
            Fate::Refused
        } else if self.happens(rates.lost) {
            Fate::Lost
        } else {
            Fate::Answered
        }
    }

    /// How late the next thing is.
    pub(crate) fn delay(&self) -> Duration {
        let rates = self.0.lock().rates;
        match self.happens(rates.late) {
            true => self.within(rates.delay),
            false => Duration::ZERO,
        }
    }

    pub(crate) fn breaks_watch(&self) -> bool {
        let rate = self.0.lock().rates.broken;
        self.happens(rate)
    }
}
