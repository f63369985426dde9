//! Seeds of bad days. A seed that fails is printed; `NAVARCH_SIM_SEEDS=7` runs it again, `NAVARCH_SIM_SEEDS=0..500` many.
#![allow(clippy::unwrap_used)]

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

/// Runs a simulation on a clock of its own.
fn simulate<F: Future<Output = Result<(), String>>>(run: impl Fn(u64) -> F, usual: u64) {
    for seed in seeds(usual) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        if let Err(why) = runtime.block_on(run(seed)) {
            panic!("seed {seed}: {why}");
        }
    }
}
