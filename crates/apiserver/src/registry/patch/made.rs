//! What a patch makes of an object, as an object again.

use navarch_api::strategy::Decoded;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;
use serde_json::Value;

use super::super::decode::{self, Claim, TypeMeta};
use super::super::update::Current;
use super::{Patch, document, restore_kind};
use crate::request::FieldValidation;
use crate::served::{Directory, Served};

/// A patch on its way to an object of a resource.
pub(super) struct Making<'a> {
    pub(super) directory: &'a Directory,
    pub(super) served: &'a Served,
    pub(super) patch: &'a Patch,
    pub(super) validation: FieldValidation,
}

impl Making<'_> {
    /// The object as it is when it is patched. What cannot be read is refused, or warned of.
    pub(super) fn object(
        &self,
        current: &Current<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Box<dyn Object>> {
        let (patch, kind) = (self.patch, self.kind());
        let mut patched = self.document(current, patch.is_about_managers())?;
        let lost = Self::drop_without_version(&mut patched);
        let decoded = self.decode(&mut patched);
        // A refusal shows the document as clients know it, with its managers.
        let shown = || self.document(current, true);
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(why) => return Err(patch.refused(kind, &shown()?, &why)),
        };
        let unknown = lost.iter().chain(&decoded.unknown);
        let found = unknown.map(|path| format!("unknown field {path:?}"));
        patch.check(found.collect(), self.validation, warnings, shown)?;
        Ok(decoded.object)
    }

    fn kind(&self) -> (&str, &str, &str) {
        let def = &self.served.def;
        (&def.group, &def.version, &def.kind)
    }

    fn document(&self, current: &Current<'_>, managers: bool) -> Result<Value> {
        let mut document = document(self.served, current, managers)?;
        self.patch.apply(self.kind(), &mut document)?;
        Ok(document)
    }

    fn decode(&self, document: &mut Value) -> std::result::Result<Decoded, String> {
        self.check_kind(document)?;
        let json = serde_json::to_vec(document).map_err(|error| error.to_string())?;
        decode::patched(self.served, &json)
    }

    /// Without a version there is nothing that Kubernetes knows of the fields: it takes none of them. Gives their names.
    fn drop_without_version(document: &mut Value) -> Vec<String> {
        let Value::Object(fields) = document else {
            return Vec::new();
        };
        if fields.contains_key("apiVersion") {
            return Vec::new();
        }
        let kind = fields.remove_entry("kind");
        let fields = std::mem::replace(fields, kind.into_iter().collect());
        fields.into_iter().map(|(name, _)| name).collect()
    }

    /// Refuses what the patch has made another kind, as late as Kubernetes does: it is decoded first. A kind that was taken away is put back.
    pub(super) fn check_kind(&self, document: &mut Value) -> std::result::Result<(), String> {
        let meta = said(document);
        let claim = Claim::new(&meta, self.served);
        if claim.fits(self.served) {
            restore_kind(document, self.kind());
            return Ok(());
        }
        let json = serde_json::to_vec(document).map_err(|error| error.to_string())?;
        Err(claim.misfit(self.directory, self.served, &json))
    }
}

/// What a document says it is. What is no text says nothing.
fn said(document: &Value) -> TypeMeta {
    let text = |key: &str| {
        let text = document.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    TypeMeta {
        api_version: text("apiVersion"),
        kind: text("kind"),
    }
}
