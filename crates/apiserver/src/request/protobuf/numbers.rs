//! Which field has which number.

use std::collections::HashMap;
use std::sync::LazyLock;

static TABLE: &str = include_str!("kubernetes-1.36.numbers");

/// What a field number of a message stands for.
pub(super) enum Place {
    /// The field of that JSON name.
    Field(&'static str),
    /// A message whose fields JSON has in this one's place.
    Inline(Message),
}

/// The fields of a message, by number.
pub(super) type Message = HashMap<u32, Place>;

/// The fields of a type, by its full name.
pub(super) fn message(name: &str) -> Option<&'static Message> {
    static MESSAGES: LazyLock<HashMap<&'static str, Message>> = LazyLock::new(read);
    MESSAGES.get(name.strip_prefix("io.k8s.")?)
}

fn read() -> HashMap<&'static str, Message> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(name, fields)| (name, fields_of(fields)))
        .collect()
}

fn fields_of(fields: &'static str) -> Message {
    let mut message = Message::new();
    for (name, place) in fields.split(' ').filter_map(|field| field.split_once('=')) {
        match place.split_once('.') {
            None => {
                message.extend(place.parse().map(|number| (number, Place::Field(name))));
            }
            Some((outer, inner)) => {
                let (Ok(outer), Ok(inner)) = (outer.parse(), inner.parse()) else {
                    continue;
                };
                if let Place::Inline(held) = message
                    .entry(outer)
                    .or_insert_with(|| Place::Inline(Message::new()))
                {
                    held.insert(inner, Place::Field(name));
                }
            }
        }
    }
    message
}
