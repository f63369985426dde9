//! Conversations recorded with Kubernetes 1.36, held again with this server: every answer must be the one that Kubernetes gave,
//! but for those in `recordings/not-yet.txt`.

mod compare;
mod normal;
mod not_yet;
mod play;
mod recording;

use std::collections::BTreeMap;

use crate::api_only::ApiOnly;
use crate::raw::Server;
use not_yet::StepName;

/// Answers that differ are shown with `NAVARCH_REPLAY_SHOW=TEXT`: those of the steps whose name holds the text.
#[tokio::test]
async fn every_recorded_answer_is_given_again() {
    let api = ApiOnly::start().await;
    let failed = play_all(&api.server).await;
    let shown = std::env::var("NAVARCH_REPLAY_SHOW").ok();
    for (step, differences) in &failed {
        if shown.as_ref().is_some_and(|text| step.0.contains(text)) {
            println!("{step}\n    {}", differences.join("\n    "));
        }
    }
    not_yet::hold_against_list(&failed);
}

/// Plays every conversation to its end. Returns the steps whose answer differs, with how.
async fn play_all(server: &Server) -> BTreeMap<StepName, Vec<String>> {
    let (mut failed, mut passed) = (BTreeMap::new(), 0);
    for (file, talk) in recording::all() {
        let mut player = play::Player::begin(server.clone(), &talk).await;
        for (at, step) in talk.steps.iter().enumerate() {
            let differences = match player.perform(step).await {
                Ok(answer) => compare::compare(step, &answer),
                Err(error) => vec![error],
            };
            if differences.is_empty() {
                passed += 1;
            } else {
                failed.insert(StepName::new(&file, at, &step.name()), differences);
            }
        }
    }
    println!(
        "{passed} recorded answers given again, {} not",
        failed.len()
    );
    failed
}
