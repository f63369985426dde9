//! Seeds of bad days. A seed that fails is printed; `NAVARCH_SIM_SEEDS=7` runs it again, `NAVARCH_SIM_SEEDS=0..500` many.
#![allow(clippy::unwrap_used)]

mod hashes;
mod rough;
mod stale;

/// The seeds to run: those that are asked for, or the first few.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("NAVARCH_SIM_SEEDS") else {
        return 0..usual;
    };
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => {
            let one: u64 = asked.parse().unwrap();
            one..one + 1
        }
    }
}

/// Runs a simulation with each seed.
fn simulate<F: Future<Output = Result<u64, String>>>(run: impl Fn(u64) -> F + Sync, usual: u64) {
    for seed in seeds(usual) {
        if let Err(why) = alone(&run, seed) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// Runs a simulation on a clock of its own, in a thread of its own: what was drawn in it for another seed is gone with that one's. Answers
/// with its history's digest.
fn alone<F: Future<Output = Result<u64, String>>>(
    run: impl Fn(u64) -> F + Sync,
    seed: u64,
) -> Result<u64, String> {
    let simulation = || {
        hashes::draw_from(seed);
        navarch_apiserver::draw_from(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(seed))
    };
    let done = std::thread::scope(|scope| scope.spawn(simulation).join());
    done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
}
