//! What a patch may have done: the operations are counted when it is read, and this is what they cost.

use super::PatchError;
use crate::limits::MAX_PATCH_WORK;

/// What it costs to look at a value inside another one, where memory is far away. It lets everything pass that a patch can add or copy, as
/// a value takes two bytes of JSON: only what is moved deeper, again and again, can be too much.
const NODE: usize = 16;

const _: () = {
    use crate::limits::{MAX_PATCH_COPY, MAX_PATCH_OPERATIONS, MAX_REQUEST_BODY};
    let nodes = (MAX_REQUEST_BODY + MAX_PATCH_COPY) / 2 + MAX_PATCH_OPERATIONS;
    assert!(nodes * NODE < MAX_PATCH_WORK);
};

/// What a patch may still do.
pub(super) struct Work {
    /// Of [`MAX_PATCH_WORK`].
    pub(super) left: usize,
    /// What was copied, in bytes of JSON.
    pub(super) copied: usize,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            left: MAX_PATCH_WORK,
            copied: 0,
        }
    }
}

impl Work {
    /// List elements are about to be moved.
    pub(super) fn move_elements(&mut self, count: usize) -> Result<(), PatchError> {
        let left = self.left.checked_sub(count);
        self.left = left.ok_or(PatchError::TooMuchWork)?;
        Ok(())
    }

    /// A value is about to be looked at.
    pub(super) fn visit(&mut self) -> Result<(), PatchError> {
        self.move_elements(NODE)
    }
}
