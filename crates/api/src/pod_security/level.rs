//! Levels, and the version of Kubernetes whose checks a level means.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a pod may ask for. A later one is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Anything.
    #[default]
    Privileged,
    /// What has no known way to more privileges.
    Baseline,
    /// What is good practice.
    Restricted,
}

impl Level {
    /// Reads a level.
    ///
    /// # Errors
    /// In Kubernetes' words, for what is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "privileged" => Ok(Self::Privileged),
            "baseline" => Ok(Self::Baseline),
            "restricted" => Ok(Self::Restricted),
            _ => Err("must be one of privileged, baseline, restricted"),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        })
    }
}

/// A version of the checks. A later one is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    /// That of Kubernetes 1.x.
    Minor(u32),
    /// The newest there is.
    #[default]
    Latest,
}

impl Version {
    /// Reads a version: `latest` or `v1.x`.
    ///
    /// # Errors
    /// In Kubernetes' words, for what is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const NONE: &str = "must be \"latest\" or \"v1.x\"";
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let minor = text.strip_prefix("v1.").ok_or(NONE)?;
        let digits = minor.bytes().all(|b| b.is_ascii_digit());
        if !digits || (minor.len() > 1 && minor.starts_with('0')) {
            return Err(NONE);
        }
        minor.parse().map(Self::Minor).map_err(|_| NONE)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

/// A level as it was at a version: `restricted:latest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LevelVersion {
    /// The level.
    pub level: Level,
    /// The version.
    pub version: Version,
}

impl LevelVersion {
    /// Whether it asks for the same: at the level privileged the version makes no difference.
    pub(super) fn is_equivalent(&self, other: &Self) -> bool {
        self.level == other.level && (self.level == Level::Privileged || self == other)
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.version)
    }
}
