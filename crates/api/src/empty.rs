//! What Kubernetes' encoding leaves out: an optional text, list or map that is empty says as much as one that is not there.

use std::collections::BTreeMap;

/// Something that can be empty.
pub trait Empty {
    /// Whether it is.
    fn is_empty(&self) -> bool;
}

impl Empty for String {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Empty for BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Empty for i32 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Empty for i64 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Empty for bool {
    fn is_empty(&self) -> bool {
        !*self
    }
}

/// Takes out what is empty.
pub fn drop_empty<T: Empty>(field: &mut Option<T>) {
    if field.as_ref().is_some_and(Empty::is_empty) {
        *field = None;
    }
}
