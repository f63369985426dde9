//! The main process of a container, and those that exec adds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Input, capabilities_of, resolve_user};
use crate::cri::{Error, Result};

/// The path of programs where image and configuration give none.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A process to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The program and its arguments; never empty.
    pub args: Vec<String>,
    /// `NAME=value`, each name once.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// With `CAP_`.
    pub capabilities: Vec<String>,
    /// `no_new_privs`.
    pub no_new_privs: bool,
    /// Whether it gets a terminal.
    pub terminal: bool,
}

impl Process {
    /// As `process` of the OCI configuration. Without capabilities; see [`super::Bundle::config`].
    pub fn to_oci(&self) -> Value {
        let mut process = json!({
            "terminal": self.terminal,
            "args": self.args,
            "env": self.env,
            "cwd": self.cwd,
            "user": {"uid": self.uid, "gid": self.gid, "additionalGids": self.groups},
        });
        if self.no_new_privs {
            process["noNewPrivileges"] = json!(true);
        }
        process
    }

    /// The same process with another command, as exec runs it.
    #[must_use]
    pub fn with_command(&self, command: Vec<String>, terminal: bool) -> Self {
        let mut process = Self {
            args: command,
            terminal,
            ..self.clone()
        };
        process.set_term();
        process
    }

    fn set_term(&mut self) {
        if self.terminal && !self.env.iter().any(|entry| entry.starts_with("TERM=")) {
            self.env.push("TERM=xterm".to_owned());
        }
    }
}

pub(super) fn build(input: &Input<'_>) -> Result<Process> {
    let Input { config, image, .. } = input;
    let user = resolve_user(input.sandbox, config, image, input.rootfs)?;
    let cwd = [&config.working_dir, &image.working_dir]
        .into_iter()
        .find(|path| !path.is_empty())
        .map_or("/", String::as_str);
    let mut process = Process {
        args: args(input)?,
        env: env(input),
        cwd: if cwd.starts_with('/') {
            cwd.to_owned()
        } else {
            format!("/{cwd}")
        },
        uid: user.uid,
        gid: user.gid,
        groups: user.groups,
        capabilities: capabilities_of(&config.security)?,
        no_new_privs: config.security.no_new_privs,
        terminal: config.tty,
    };
    process.set_term();
    Ok(process)
}

/// The configuration's command replaces both of the image's; its arguments alone replace the image's arguments.
fn args(input: &Input<'_>) -> Result<Vec<String>> {
    let Input { config, image, .. } = input;
    let mut args = if config.command.is_empty() {
        image.entrypoint.clone()
    } else {
        config.command.clone()
    };
    if config.args.is_empty() && config.command.is_empty() {
        args.extend(image.cmd.iter().cloned());
    } else {
        args.extend(config.args.iter().cloned());
    }
    if args.is_empty() {
        return Err(Error::Invalid("no command specified".to_owned()));
    }
    Ok(args)
}

fn env(input: &Input<'_>) -> Vec<String> {
    let hostname = (!input.sandbox.hostname.is_empty())
        .then(|| format!("HOSTNAME={}", input.sandbox.hostname));
    let image = input
        .image
        .env
        .iter()
        .filter(|entry| entry.contains('='))
        .cloned();
    let own = input
        .config
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let mut env: Vec<String> = Vec::new();
    for entry in std::iter::once(DEFAULT_PATH.to_owned())
        .chain(hostname)
        .chain(image)
        .chain(own)
    {
        let name = &entry[..=entry.find('=').unwrap_or(0)];
        match env.iter().position(|other| other.starts_with(name)) {
            Some(index) => env[index] = entry,
            None => env.push(entry),
        }
    }
    env
}
