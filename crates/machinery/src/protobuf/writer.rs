//! Messages that are no Kubernetes object, written field by field.

use super::wire::{close, open, put_bytes, put_fixed64, put_number};

/// Appends fields to a message.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// The message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Text as a field.
    pub fn text(&mut self, number: u32, text: &str) {
        put_bytes(&mut self.out, number, text.as_bytes());
    }

    /// A whole number or a truth value as a field.
    pub fn number(&mut self, number: u32, value: u64) {
        put_number(&mut self.out, number, value);
    }

    /// A floating point number as a field.
    pub fn double(&mut self, number: u32, value: f64) {
        put_fixed64(&mut self.out, number, value.to_bits());
    }

    /// A message as a field, which `content` writes.
    pub fn message(&mut self, number: u32, content: impl FnOnce(&mut Self)) {
        let opened = open(&mut self.out, number);
        content(self);
        close(&mut self.out, opened);
    }
}
