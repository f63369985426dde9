//! kubectl at a terminal, with somebody who types.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use nix::pty::openpty;

/// How long anything may take to be seen on the screen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pieces of output that wait to be looked at.
const WAITING: usize = 1024;

/// A terminal and the kubectl that runs in it.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was said since the last thing that was waited for.
    text: String,
    device: PathBuf,
}

impl Terminal {
    /// Starts `program ARGUMENTS` in a terminal of 24 lines and 80 columns.
    pub(super) fn start(program: &Command) -> Self {
        let pair = openpty(None, None).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&pair.slave);
        let device = std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .arg(program.get_program());
        command.args(program.get_args()).env("TERM", "dumb");
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let slave = || pair.slave.try_clone().unwrap();
        resize(&device, 24, 80);
        let child = command
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap();
        let keyboard = File::from(pair.master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = sync_channel(WAITING);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The kernel says EIO when nobody has the other end open any more.
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard,
            screen,
            text: String::new(),
            device,
        }
    }

    /// Types.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `wanted` is on the screen. Returns all that came before it.
    pub(crate) fn shows(&mut self, wanted: &str) -> String {
        self.shows_within(wanted, PATIENCE)
            .unwrap_or_else(|text| panic!("{wanted:?} is not shown: {text:?}"))
    }

    /// The same, for so long; otherwise what is shown instead.
    pub(crate) fn shows_within(
        &mut self,
        wanted: &str,
        patience: Duration,
    ) -> Result<String, String> {
        let end = Instant::now() + patience;
        loop {
            if let Some((before, after)) = self.text.split_once(wanted) {
                let before = before.to_owned();
                self.text = after.to_owned();
                return Ok(before);
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(piece) => self.text.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => return Err(self.text.clone()),
            }
        }
    }

    /// Changes the terminal's size, as somebody does who drags its window.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        resize(&self.device, rows, columns);
    }

    /// Waits for kubectl's end. Returns how it ended and what it still showed.
    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        while let Ok(piece) = self.screen.recv_timeout(Duration::from_millis(200)) {
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
        (status, std::mem::take(&mut self.text))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(device: &std::path::Path, rows: u16, columns: u16) {
    let (rows, columns) = (rows.to_string(), columns.to_string());
    let done = Command::new("stty")
        .arg("-F")
        .arg(device)
        .args(["rows", &rows, "cols", &columns])
        .status();
    assert!(done.unwrap().success(), "stty on {}", device.display());
}
