//! What an authorizer says.

use std::fmt;
use std::sync::Arc;

use crate::rbac::Binding;

/// Whether somebody may.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Yes, and by what.
    Allow(Grounds),
    /// Nothing speaks for it. The reason is shown where there is one.
    NoOpinion(String),
}

impl Decision {
    /// Nothing speaks for it, and there is nothing to say of it.
    pub const NONE: Self = Self::NoOpinion(String::new());

    /// Whether it is a yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

/// By what somebody may. It is put into words only where somebody reads them.
#[derive(Debug, Clone)]
pub enum Grounds {
    /// By who they are: nothing is told of it.
    Standing,
    /// By a binding.
    Binding {
        /// The binding.
        binding: Arc<Binding>,
        /// Which of its subjects they are.
        subject: usize,
    },
}

/// In the words of Kubernetes' access reviews.
impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standing => Ok(()),
            Self::Binding { binding, subject } => {
                write!(f, "RBAC: allowed by {}", binding.described(*subject))
            }
        }
    }
}
