//! The patches of the API: JSON patch, JSON merge patch, strategic merge patch.

pub mod json;
pub mod merge;
pub mod strategic;

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// 400: the patch itself is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// 422: it is well formed and does not fit the object; the whole message of the answer.
    #[error("{0}")]
    Unprocessable(String),
    /// 413: too many operations, or too much copied.
    #[error("{0}")]
    TooLarge(String),
}

impl From<PatchError> for crate::status::StatusError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::BadRequest(message) => Self::bad_request(message),
            PatchError::Unprocessable(message) => Self::new(422, "Invalid", message),
            PatchError::TooLarge(message) => Self::too_large(message),
        }
    }
}
