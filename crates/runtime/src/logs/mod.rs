//! Container logs in the CRI format: `2024-10-06T00:17:09.669794202Z stdout F line`.

mod lines;
mod rotate;
mod stamp;
mod writer;

#[cfg(test)]
mod tests;

pub use lines::{LineBuffer, MAX_LINE};
pub use rotate::{RotationPolicy, rotate_if_large};
pub use stamp::Stamp;
pub use writer::LogWriter;

/// Which of a process' streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamName {
    /// Standard output, and all of a terminal's.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StreamName {
    /// As the log says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}
