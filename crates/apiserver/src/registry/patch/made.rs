//! What a patch makes of an object, as an object again.

use navarch_api::strategy::Decoded;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;
use serde_json::Value;

use super::super::decode;
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
    fn check_kind(&self, document: &mut Value) -> std::result::Result<(), String> {
        let def = &self.served.def;
        let text = |key: &str| {
            let text = document.get(key).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let api_version = text("apiVersion").unwrap_or(&self.served.api_version);
        let kind = text("kind").unwrap_or(&def.kind);
        if api_version == self.served.api_version && kind == def.kind {
            restore_kind(document, self.kind());
            return Ok(());
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let Some(other) = self.directory.table.kind(group, version, kind) else {
            let scheme = self.served.scheme();
            return Err(format!(
                "no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}"
            ));
        };
        let json = serde_json::to_vec(document).map_err(|error| error.to_string())?;
        other.strategy.decode(&json)?;
        let package = match &*def.group {
            "" => "core",
            group => group.split('.').next().unwrap_or(group),
        };
        Err(format!(
            "converting ({version}.{kind}) to ({package}.{}): unknown conversion",
            def.kind
        ))
    }
}
