//! How values lie on disk: as readers see them, or changed by whoever opens the store.

/// Changes values on their way to disk, and back when the store is opened. In memory they are always as readers see them.
pub trait AtRest: Send + Sync {
    /// What is written of the value of `key`; `None`: the value itself. Errors: why it cannot be told; nothing is written then.
    fn seal(&self, key: &str, value: &[u8]) -> std::result::Result<Option<Vec<u8>>, String>;

    /// Reads back what was written. Errors: why it cannot; they tell nothing of the value.
    fn open(&self, key: &str, written: &[u8]) -> std::result::Result<Opened, String>;

    /// How values are written, in words that are others where any would be written in another way. Nothing secret is in them. Empty: as
    /// they are.
    fn description(&self) -> String {
        String::new()
    }
}

/// A value that was read back.
#[derive(Debug)]
pub struct Opened {
    /// The value; `None`: it is what was written.
    pub value: Option<Vec<u8>>,
    /// Whether it would be written in another way today: the store does so at once.
    pub stale: bool,
}

/// Values lie on disk as they are.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl AtRest for Plain {
    fn seal(&self, _: &str, _: &[u8]) -> std::result::Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn open(&self, _: &str, _: &[u8]) -> std::result::Result<Opened, String> {
        Ok(Opened {
            value: None,
            stale: false,
        })
    }
}
