//! Values as error messages show them, where the usual way does not do.

use navarch_machinery::field::Shown;
use serde::Serialize;

/// Text that is shown as it is.
pub(crate) struct Raw(pub(crate) String);

impl Shown for Raw {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

/// Anything, as its JSON; `null` for what is not there.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Raw {
    Raw(serde_json::to_string(value).unwrap_or_default())
}
