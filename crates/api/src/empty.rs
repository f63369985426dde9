//! What Kubernetes' encoding leaves out: an optional text, list or map that is empty says as much as one that is not there.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

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

impl Empty for ByteString {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes out what is empty.
pub fn drop_empty<T: Empty>(field: &mut Option<T>) {
    if field.as_ref().is_some_and(Empty::is_empty) {
        *field = None;
    }
}

/// Takes out of a selector what is empty. The selector itself stays: it selects everything, which is more than none does.
pub fn drop_empty_selector(selector: &mut LabelSelector) {
    drop_empty(&mut selector.match_labels);
    drop_empty(&mut selector.match_expressions);
    for requirement in selector.match_expressions.iter_mut().flatten() {
        drop_empty(&mut requirement.values);
    }
}
