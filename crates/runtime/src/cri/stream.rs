//! Exec and attach: the streams of a process.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A process to run in a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExecRequest {
    /// The command; never through a shell.
    pub command: Vec<String>,
    /// Whether it gets a terminal; standard error then comes on standard output.
    pub tty: bool,
    /// Whether standard input is wanted.
    pub stdin: bool,
    /// Whether standard output is wanted.
    pub stdout: bool,
    /// Whether standard error is wanted.
    pub stderr: bool,
}

/// The ends of a running exec or attach that the caller holds. Channels are bounded: who does not read, stops the process' writes.
pub struct ExecStreams {
    /// Bytes for standard input; dropping it closes standard input. `None` if not asked for.
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// Standard output; `None` if not asked for.
    pub stdout: Option<mpsc::Receiver<Bytes>>,
    /// Standard error; `None` if not asked for or with a terminal.
    pub stderr: Option<mpsc::Receiver<Bytes>>,
    /// Changes of the terminal's size; `None` without a terminal.
    pub resize: Option<mpsc::Sender<TerminalSize>>,
    /// The exit code when the process has ended, after all output was sent. For attach it is the container's.
    pub exit: oneshot::Receiver<super::Result<i32>>,
}

/// What a short command printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// Standard output, cut at 16 KiB.
    pub stdout: Vec<u8>,
    /// Standard error, cut at 16 KiB.
    pub stderr: Vec<u8>,
    /// The exit code.
    pub code: i32,
}
