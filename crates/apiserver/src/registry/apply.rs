//! Server-side apply: PATCH that states what its author wants, and creates what is not there.

use bytes::Bytes;
use navarch_api::call::PatchKind;
use navarch_api::strategy::Part;
use navarch_machinery::apply::Tree;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::yaml;
use serde_json::Value;

use super::create::own_namespace;
use super::request::part_of;
use super::update::{Change, Current, PATCHES, Wish, check_name, creates};
use super::{Input, Request, decode};
use crate::ApiServer;
use crate::managed::Applying;
use crate::reply::Output;
use crate::request::{FieldValidation, WriteOptions};
use crate::served::Served;

/// What is applied, as JSON.
pub(in crate::registry) struct Document {
    json: Bytes,
    /// What strict validation says of names that are there twice.
    duplicates: Option<String>,
}

impl ApiServer {
    /// Applies the document that the request carries to the object, or to the part of it that the subresource is.
    pub(super) async fn apply(
        &self,
        request: &mut Request<'_>,
        options: WriteOptions,
    ) -> Result<Output> {
        let document = Document::read(std::mem::replace(&mut request.body, Input::None))?;
        let tree = document.tree()?;
        let writer = request.writer();
        let part = part_of(&request.info.subresource);
        let applying = Applying {
            writer: &writer,
            part,
            document: &tree,
            force: options.force,
        };
        let key = request.key();
        for _ in 0..PATCHES {
            if self.store.snapshot().get(&key).is_some() {
                return self.apply_to(request, options, &document, &applying).await;
            }
            match self.apply_new(request, options, &document, &applying).await {
                // Somebody else made it meanwhile.
                Err(error) if error.is_already_exists() => {}
                done => return done,
            }
        }
        let (def, name) = (&request.served.def, &request.info.name);
        Err(StatusError::modified(&def.group, &def.plural, name))
    }

    async fn apply_to(
        &self,
        request: &mut Request<'_>,
        options: WriteOptions,
        document: &Document,
        applying: &Applying<'_>,
    ) -> Result<Output> {
        let served = request.served.clone();
        let (namespace, name) = (
            request.namespace().to_owned(),
            request.info.name.clone().into_owned(),
        );
        let mut wanted = |current: &Current<'_>, warnings: &mut Vec<String>| {
            let (json, managed) = self.applied(&served, applying, Some(current.entry))?;
            document.check(options.validation, warnings)?;
            let mut object = applied_object(&served, document, &json)?;
            own_namespace(&namespace, &mut *object)?;
            check_name(&name, &*object)?;
            Ok(Wish {
                object,
                managed: Some(managed),
            })
        };
        let change = Change {
            part: applying.part,
            dry_run: options.dry_run,
            whole: false,
            attempts: PATCHES,
            wanted: &mut wanted,
        };
        self.change(request, change).await
    }

    async fn apply_new(
        &self,
        request: &mut Request<'_>,
        options: WriteOptions,
        document: &Document,
        applying: &Applying<'_>,
    ) -> Result<Output> {
        let served = request.served.clone();
        let (json, managed) = self.applied(&served, applying, None)?;
        document.check(options.validation, &mut request.warnings)?;
        let mut object = applied_object(&served, document, &json)?;
        let uid = object.metadata().uid.as_deref().unwrap_or_default();
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            let (def, name) = (&served.def, &request.info.name);
            return Err(StatusError::conflict(&def.group, &def.plural, name, &why));
        }
        own_namespace(request.namespace(), &mut *object)?;
        check_name(&request.info.name, &*object)?;
        if applying.part != Part::Main && !creates(&served, applying.part) {
            return Err(request.not_found());
        }
        object.metadata_mut().resource_version = None;
        self.authorize_also(request.user, request.info, "create")?;
        self.create_object(request, object, options.dry_run, Some(managed))
            .await
    }
}

impl Document {
    /// Reads YAML, which JSON nearly always is: that is tried first.
    pub(in crate::registry) fn read(input: Input) -> Result<Self> {
        let bytes = match input {
            Input::Patch(PatchKind::Apply, bytes) => bytes,
            Input::PatchValue(PatchKind::Apply, value) => value.to_string().into(),
            _ => return Err(super::unsupported_patch()),
        };
        // A name that is there twice is told by the line it is in, which only YAML's reader knows.
        if bytes.first() == Some(&b'{') && Tree::parse_strictly(&bytes).is_ok() {
            return Ok(Self {
                json: bytes,
                duplicates: None,
            });
        }
        let converted = yaml::convert(&bytes)
            .map_err(|error| StatusError::bad_request(format!("error decoding YAML: {error}")))?;
        Ok(Self {
            json: converted.json.into(),
            duplicates: converted.duplicates,
        })
    }

    pub(in crate::registry) fn tree(&self) -> Result<Tree<'_>> {
        match Tree::parse(&self.json).map_err(StatusError::internal)? {
            tree @ Tree::Map(_) => Ok(tree),
            // An empty document is an object that says nothing.
            Tree::Null => Ok(Tree::Map(Vec::new())),
            other => {
                let kind = match other {
                    Tree::List(_) => "array",
                    Tree::String(_) => "string",
                    Tree::Bool(_) => "bool",
                    _ => "number",
                };
                Err(StatusError::bad_request(format!(
                    "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
                )))
            }
        }
    }

    /// Refuses or warns of names that are there twice.
    pub(in crate::registry) fn check(
        &self,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let Some(duplicates) = &self.duplicates else {
            return Ok(());
        };
        let error = format!("error converting YAML to JSON: {duplicates}");
        match validation {
            FieldValidation::Strict => Err(StatusError::bad_request(format!(
                "error strict decoding YAML: {error}"
            ))),
            FieldValidation::Warn => {
                warnings.push(error);
                Ok(())
            }
            FieldValidation::Ignore => Ok(()),
        }
    }
}

/// What an object becomes, as an object again. `document`: what was applied, which says what a refusal is about.
fn applied_object(served: &Served, document: &Document, json: &[u8]) -> Result<Box<dyn Object>> {
    let decoded = decode::patched(served, json).map_err(|why| {
        let def = &served.def;
        let object: Value = serde_json::from_slice(&document.json).unwrap_or_default();
        let text = |path: &str| {
            let text = object.pointer(path).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let kind = format!("{}/{}, Kind={}", def.group, def.version, def.kind);
        let message = format!(
            "failed to convert new object ({namespace}/{name}; {kind}) to proper version: \
             unable to convert unstructured object to {kind}: {why}"
        );
        StatusError::new(500, "", message)
    })?;
    Ok(decoded.object)
}
