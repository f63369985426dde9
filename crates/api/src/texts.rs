//! What Kubernetes says of its types and of their fields. The build collects it (`build.rs`).

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use flate2::read::DeflateDecoder;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/texts.json.deflate"));

/// The texts, by the full names of types: `io.k8s.api.core.v1.Pod`.
#[derive(Debug, Default)]
pub struct Texts(BTreeMap<String, (String, BTreeMap<String, String>)>);

impl Texts {
    /// They are a megabyte that nobody but `kubectl explain` reads: unpacked while somebody holds them.
    pub fn unpacked() -> Arc<Self> {
        static SHARED: Mutex<Weak<Texts>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(texts) = shared.upgrade() {
            return texts;
        }
        // They are part of the program, and the tests read them; unreadable ones would say nothing.
        let texts = serde_json::from_reader(DeflateDecoder::new(PACKED)).map(Self);
        let texts = Arc::new(texts.unwrap_or_default());
        *shared = Arc::downgrade(&texts);
        texts
    }

    /// What a type is.
    pub fn of_type(&self, name: &str) -> Option<&str> {
        let (text, _) = self.0.get(name)?;
        Some(&**text).filter(|text| !text.is_empty())
    }

    /// What a field of a type is.
    pub fn of_field(&self, name: &str, field: &str) -> Option<&str> {
        let (_, fields) = self.0.get(name)?;
        fields
            .get(field)
            .map(|text| &**text)
            .filter(|text| !text.is_empty())
    }
}
