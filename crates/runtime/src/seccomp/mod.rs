//! Seccomp: the default profile, profiles from files, and their compilation to the kernel's filter programs.
//!
//! A program is compiled once by the agent and kept as a file that each container's first process loads: compiling takes
//! milliseconds, loading takes none.

mod compile;
mod profile;
mod syscalls;

#[cfg(test)]
mod tests;

pub use compile::compile;
pub use profile::{Action, Condition, Operator, Profile, Rule};

/// A profile could not be read or compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no profile.
    #[error("decode seccomp profile: {0}")]
    Decode(#[from] serde_json::Error),
    /// The library or the kernel refused.
    #[error("compile seccomp profile: {0}")]
    Compile(#[from] libseccomp::error::SeccompError),
    /// The program could not be taken out of the library.
    #[error("compile seccomp profile: {0}")]
    Io(#[from] std::io::Error),
}
