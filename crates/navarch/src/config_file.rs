//! `--config FILE`: flags from a YAML file. They become arguments in front of those on the command line, which therefore win.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{ArgAction, Command, CommandFactory};
use serde_json::Value;

use crate::cli::Cli;

/// The longest file that is read.
const FILE_BYTES: u64 = 1 << 20;

/// The arguments of this process with the config file's put in front, if one is named.
pub(crate) fn arguments(given: impl Iterator<Item = OsString>) -> Result<Vec<OsString>> {
    let given: Vec<OsString> = given.collect();
    match config_path(&given) {
        Some(path) => {
            let settings =
                read(&path).with_context(|| format!("config file {}", path.display()))?;
            with_settings(given, &settings, &|name| std::env::var_os(name).is_some())
                .with_context(|| format!("config file {}", path.display()))
        }
        None => Ok(given),
    }
}

fn config_path(given: &[OsString]) -> Option<PathBuf> {
    let mut arguments = given.iter().skip(1).map(OsString::as_os_str);
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or("");
        if text == "--" {
            break;
        }
        if text == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(path.into());
        }
    }
    std::env::var_os("NAVARCH_CONFIG").map(PathBuf::from)
}

fn read(path: &Path) -> Result<Value> {
    if std::fs::metadata(path)?.len() > FILE_BYTES {
        bail!("it is longer than {FILE_BYTES} bytes");
    }
    let text = std::fs::read_to_string(path)?;
    serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{error}"))
}

fn with_settings(
    given: Vec<OsString>,
    settings: &Value,
    in_environment: &dyn Fn(&OsStr) -> bool,
) -> Result<Vec<OsString>> {
    let settings = match settings {
        Value::Object(settings) => settings,
        Value::Null => return Ok(given),
        _ => bail!("it must be a mapping of flags to values, as `https-port: 7443`"),
    };
    // Flags go behind the last subcommand's name, which is where clap knows them.
    let root = Cli::command();
    let (at, command) = innermost(&root, &given);
    let mut arguments = given[..at].to_vec();
    for (name, value) in settings {
        let flag = name.replace('_', "-");
        let known = |command: &Command| {
            command
                .get_arguments()
                .find(|argument| argument.get_long() == Some(&flag))
                .cloned()
        };
        let Some(argument) = known(command).or_else(|| known(&root)) else {
            if is_flag_somewhere(&root, &flag) {
                continue;
            }
            bail!("there is no flag --{flag}");
        };
        if flag == "config" || argument.get_env().is_some_and(in_environment) {
            continue;
        }
        let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
        match value {
            Value::Bool(true) if is_switch => arguments.push(format!("--{flag}").into()),
            Value::Bool(false) if is_switch => {}
            Value::Array(values) => {
                let words = values
                    .iter()
                    .map(|value| word(&flag, value))
                    .collect::<Result<Vec<_>>>()?;
                arguments.push(format!("--{flag}={}", words.join(",")).into());
            }
            value => arguments.push(format!("--{flag}={}", word(&flag, value)?).into()),
        }
    }
    arguments.extend_from_slice(&given[at..]);
    Ok(arguments)
}

/// The subcommand that is called, and the place behind its name.
fn innermost<'a>(root: &'a Command, given: &[OsString]) -> (usize, &'a Command) {
    let mut found = (given.len().min(1), root);
    let mut command = root;
    for (at, argument) in given.iter().enumerate().skip(1) {
        let Some(name) = argument.to_str() else { break };
        if let Some(sub) = command.find_subcommand(name) {
            command = sub;
            found = (at + 1, sub);
        }
    }
    found
}

/// One file may serve several commands: what is a flag of another is passed over.
fn is_flag_somewhere(command: &Command, flag: &str) -> bool {
    command
        .get_arguments()
        .any(|argument| argument.get_long() == Some(flag))
        || command
            .get_subcommands()
            .any(|sub| is_flag_somewhere(sub, flag))
}

fn word(flag: &str, value: &Value) -> Result<String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => bail!("{flag}: a text, a number or a list of them is expected"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(given: &[&str], settings: &Value, environment: &[&str]) -> Result<String> {
        let given = given.iter().map(OsString::from).collect();
        let known = |name: &OsStr| environment.iter().any(|set| name == *set);
        let words = with_settings(given, settings, &known)?;
        Ok(words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn the_command_line_comes_last_and_wins() {
        let words = merged(
            &["navarch", "up", "--https-port", "1"],
            &json!({"https-port": 2, "demo": true}),
            &[],
        )
        .unwrap();
        assert_eq!(words, "navarch up --demo --https-port=2 --https-port 1");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let words = merged(
            &["navarch", "up"],
            &json!({"https-port": 2}),
            &["NAVARCH_HTTPS_PORT"],
        )
        .unwrap();
        assert_eq!(words, "navarch up");
    }

    #[test]
    fn a_file_may_hold_flags_of_other_commands_but_no_unknown_ones() {
        let words = merged(
            &["navarch", "image", "list"],
            &json!({"data_dir": "/d", "https-port": 2}),
            &[],
        )
        .unwrap();
        assert_eq!(words, "navarch image list --data-dir=/d");
        let error = merged(&["navarch", "up"], &json!({"htps-port": 2}), &[])
            .unwrap_err()
            .to_string();
        assert_eq!(error, "there is no flag --htps-port");
    }

    #[test]
    fn lists_are_joined_and_nonsense_is_refused() {
        let words = merged(
            &["navarch", "server"],
            &json!({"components": ["api", "scheduler"]}),
            &[],
        )
        .unwrap();
        assert_eq!(words, "navarch server --components=api,scheduler");
        assert!(merged(&["navarch", "up"], &json!({"https-port": {"a": 1}}), &[]).is_err());
        assert!(merged(&["navarch", "up"], &json!("text"), &[]).is_err());
    }
}
