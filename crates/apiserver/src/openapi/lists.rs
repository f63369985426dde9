//! What is said of lists of objects, of which there is no text: the same of all, but for the name of what they list.

use navarch_api::texts::Texts;
use navarch_machinery::schema::Type;

/// A list of objects of a type.
pub(super) struct ListOf<'t> {
    item: &'t str,
    texts: &'t Texts,
}

impl<'t> ListOf<'t> {
    /// `None`: the type is no list.
    pub(super) fn new(ty: &'t Type, texts: &'t Texts) -> Option<Self> {
        let item = ty.name.strip_suffix("List")?;
        texts.of_type(item)?;
        ty.field("items").map(|_| Self { item, texts })
    }

    /// What it is.
    pub(super) fn text(&self) -> String {
        let kind = self.item.rsplit('.').next().unwrap_or_default();
        format!("{kind}List is a list of {kind} objects.")
    }

    /// What a field of it is.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        Some(match name {
            "items" => {
                let kind = self.item.rsplit('.').next().unwrap_or_default();
                format!("items is the list of {kind} objects.")
            }
            "metadata" => {
                "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
                    .to_owned()
            }
            // Of these every kind says the same.
            _ => self.texts.of_field(self.item, name)?.to_owned(),
        })
    }
}
