//! The binary as a child process that is stopped when the test is over.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ended;

/// The longest that a start may take, on a busy machine.
const START: Duration = Duration::from_secs(120);

/// A running `navarch up`, `server` or `agent`.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    said: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts the binary and waits for a line of its output that holds `ready`. What it says on standard error is kept in `log`.
    pub(crate) fn start(arguments: &[&str], ready: &str, log: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navarch"));
        command.args(arguments);
        Self::spawn(command, ready, log)
    }

    /// The same with a command line that ends in being the binary.
    pub(crate) fn spawn(mut command: Command, ready: &str, log: &Path) -> Self {
        let errors = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let said = Arc::default();
        let program = Self {
            child,
            log: log.into(),
            said: Arc::clone(&said),
        };
        let (sender, started) = mpsc::sync_channel(1);
        let wanted = ready.to_owned();
        std::thread::spawn(move || {
            // Reading goes on to the end, or a full pipe would stop the program.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let is_ready = line.contains(&wanted);
                said.lock().unwrap().push(line);
                if is_ready {
                    let _ = sender.try_send(());
                }
            }
        });
        if started.recv_timeout(START).is_err() {
            panic!("{command:?} did not say {ready:?}\n{}", program.errors());
        }
        program
    }

    /// The process' id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The lines of its standard output so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// What the program said on standard error: the last of it.
    pub(crate) fn errors(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Sends `signal` and waits for the end. Returns how it ended.
    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        let _ = kill(self.pid(), signal);
        ended::status(&mut self.child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end(Signal::SIGTERM);
    }
}
