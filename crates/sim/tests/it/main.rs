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

/// Set for a process that runs one simulation.
const ALONE: &str = "NAVARCH_SIM_ALONE";

/// Runs a simulation with each seed. `test`: the name of the test that this is called by.
fn simulate<F: Future<Output = Result<u64, String>>>(
    test: &str,
    run: impl Fn(u64) -> F,
    usual: u64,
) {
    if let Ok(seed) = std::env::var(ALONE) {
        return here(run, seed.parse().unwrap());
    }
    for seed in seeds(usual) {
        if let Err(why) = alone(test, seed) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// Runs a test's simulation in a process of its own: what was drawn in this one for another seed, or for what is made once and kept, would
/// make it another. Answers with what it told: its history's digest.
fn alone(test: &str, seed: u64) -> Result<String, String> {
    let done = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, seed.to_string())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    match told.split_once("digest ") {
        Some((_, digest)) if done.status.success() => {
            Ok(digest.split_whitespace().next().unwrap().to_owned())
        }
        _ => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

/// Runs a simulation on a clock of its own, and tells its digest.
#[expect(
    clippy::print_stdout,
    reason = "the process that started this one reads it"
)]
fn here<F: Future<Output = Result<u64, String>>>(run: impl Fn(u64) -> F, seed: u64) {
    hashes::draw_from(seed);
    navarch_apiserver::draw_from(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let digest = runtime
        .block_on(run(seed))
        .unwrap_or_else(|why| panic!("{why}"));
    println!("digest {digest}");
}
