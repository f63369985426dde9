//! The shapes of types as data: what strategic merge patch, OpenAPI, server-side apply and protobuf know of a type.
//!
//! A table is written as text and read once at start. One line is a type, and each line after it that starts with a space is
//! one of its fields:
//!
//! ```text
//! # anything after a sharp at the start of a line is a comment
//! io.k8s.api.apps.v1.Deployment gvk=apps/v1/Deployment
//!  spec io.k8s.api.apps.v1.DeploymentSpec default={} pb=2
//! io.k8s.api.core.v1.PodSpec
//!  containers []io.k8s.api.core.v1.Container required list=map keys=name patch=merge key=name pb=2
//!  nodeSelector {}string map=atomic pb=7
//!  volumes []io.k8s.api.core.v1.Volume list=map keys=name patch=merge,retainKeys key=name pb=1
//! ```
//!
//! A type line: the full name, then any of `gvk=GROUP/VERSION/KIND` (repeatable; the core group is empty: `gvk=/v1/Pod`),
//! `map=atomic` (the struct is applied as a whole) and `unions=JSON` (`x-kubernetes-unions`).
//!
//! A field line: the JSON name, the shape, then any of the attributes below, in any order, separated by one space.
//!
//! | shape | |
//! |---|---|
//! | `string` `int32` `int64` `bool` `double` | scalars |
//! | `bytes` | base64 in JSON |
//! | `any` | any JSON (`RawExtension`, `JSON`, `FieldsV1`, `JSONSchemaPropsOrBool`, ...) |
//! | `intstr` `quantity` `time` `microtime` | `IntOrString`, `Quantity`, `Time`, `MicroTime` |
//! | `[]SHAPE` | list |
//! | `{}SHAPE` | map with string keys |
//! | a name with a dot in it | the type of that name, which must be in the table |
//!
//! | attribute | |
//! |---|---|
//! | `required` | OpenAPI's required |
//! | `default=JSON` | the default, without a space in it (write `\u0020`) |
//! | `list=atomic\|set\|map` | `x-kubernetes-list-type` |
//! | `keys=a,b` | `x-kubernetes-list-map-keys` |
//! | `map=atomic\|granular` | `x-kubernetes-map-type` at the field |
//! | `patch=merge,replace,retainKeys` | `x-kubernetes-patch-strategy`, one or more |
//! | `key=name` | `x-kubernetes-patch-merge-key` |
//! | `enum=A,B` | the values there are; of a list, those of its members (a space is `\u0020`) |
//! | `pb=N` or `pb=M.N` | the protobuf field number; `M.N` is field N of the message that is field M and inlined in JSON |
//! | `omit` | an empty value is the same as none, and left out in JSON; said of lists, maps and structs only where they are `required` |
//! | `null` | written as `null` where there is nothing in it |
//! | `wrap` | on the wire the list has a message of its own, and is its field 1 |
//! | `either=list\|bool\|strings` | JSON has the struct that the field is of, or a list of such, a boolean or strings |
//! | `go=v1.Protocol` | how Go prints the type, where the shape does not say it |
//! | `in=A.B` | the structs that Go embeds, of which the innermost has the field |
//!
//! The last two are for errors alone, and stay in the text until there is one.

mod go;
mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Index;

pub use go::GoField;
pub use parse::SchemaError;

/// A word of a schema: borrowed from a built-in table, owned where a schema is made at run time.
pub type Text = Cow<'static, str>;

/// Where a type is in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u32);

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionKind {
    /// Empty in the core group.
    pub group: Text,
    /// `v1`.
    pub version: Text,
    /// `Pod`.
    pub kind: Text,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    String,
    /// 32 bits with sign.
    Int32,
    /// 64 bits with sign.
    Int64,
    /// true or false.
    Bool,
    /// A floating point number.
    Double,
    /// Bytes, base64 in JSON.
    Bytes,
    /// Any JSON.
    Any,
    /// A 32 bit integer or text.
    IntOrString,
    /// A quantity.
    Quantity,
    /// A time in seconds.
    Time,
    /// A time in microseconds.
    MicroTime,
    /// A struct.
    Struct(TypeId),
    /// A list.
    List(Box<Shape>),
    /// A map with string keys.
    Map(Box<Shape>),
}

/// How server-side apply merges a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListType {
    /// As a whole; also what a list is whose type is not stated.
    #[default]
    Atomic,
    /// As a set of scalars.
    Set,
    /// By the keys of its members.
    Map,
}

/// How strategic merge patch treats a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PatchStrategy {
    /// Lists are merged, by key or as sets.
    pub merge: bool,
    /// The value is replaced.
    pub replace: bool,
    /// Only the keys that `$retainKeys` lists stay.
    pub retain_keys: bool,
}

/// What a field of any JSON may hold beside the struct that it is a field of, as JSON schemas have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either {
    /// The struct, or a list of such. On the wire field 1 or fields 2 of a message.
    List,
    /// A boolean, or the struct. On the wire fields 1 and 2 of a message.
    Bool,
    /// The struct, or a list of strings. On the wire field 1 or fields 2 of a message.
    Strings,
}

/// How many messages that JSON leaves out a field is in, at most.
pub const MAX_INLINED: usize = 2;

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON.
    pub name: Text,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// Its default, in JSON.
    pub default: Option<Text>,
    /// `x-kubernetes-list-type`, where it is stated.
    pub list_type: Option<ListType>,
    /// `x-kubernetes-list-map-keys`.
    pub list_keys: Vec<Text>,
    /// Whether a map or struct is applied as a whole, where the field says so.
    pub map_atomic: Option<bool>,
    /// Strategic merge patch's strategy.
    pub patch: PatchStrategy,
    /// Strategic merge patch's merge key.
    pub merge_key: Option<Text>,
    /// The values there are, of a list those of its members; empty where any is allowed.
    pub values: Vec<Text>,
    /// The protobuf field number, 0 where there is none.
    pub number: u32,
    /// The numbers of the messages the field is in, where JSON inlines them, the outermost first.
    pub inside: Vec<u32>,
    /// Whether an empty value is the same as none.
    pub omit: bool,
    /// Whether `null` is written where there is nothing in it.
    pub null: bool,
    /// Whether the list has a message of its own on the wire.
    pub wrapped: bool,
    /// What it may hold beside the struct that it is a field of.
    pub either: Option<Either>,
}

/// A struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// `io.k8s.api.core.v1.Container`.
    pub name: Text,
    /// The kinds it is.
    pub kinds: Vec<GroupVersionKind>,
    /// Whether it is applied as a whole wherever it stands.
    pub atomic: bool,
    /// Which of its fields exclude each other, in JSON: `x-kubernetes-unions`.
    pub unions: Option<Text>,
    /// Its fields, by name.
    fields: Vec<Field>,
    /// Where the lines of its fields begin in the table's text.
    lines: u32,
}

/// All types of a schema.
#[derive(Debug, Default)]
pub struct Types {
    types: Vec<Type>,
    names: HashMap<Text, TypeId>,
    kinds: HashMap<GroupVersionKind, TypeId>,
    /// What it was read from; empty where it was not.
    text: &'static str,
}

impl Field {
    /// A field with nothing but a name and a shape.
    pub fn new(name: impl Into<Text>, shape: Shape) -> Self {
        Self {
            name: name.into(),
            shape,
            required: false,
            default: None,
            list_type: None,
            list_keys: Vec::new(),
            map_atomic: None,
            patch: PatchStrategy::default(),
            merge_key: None,
            values: Vec::new(),
            number: 0,
            inside: Vec::new(),
            omit: false,
            null: false,
            wrapped: false,
            either: None,
        }
    }

    /// Its numbers on the wire, the outermost message's first; 0 behind the last.
    pub fn numbers(&self) -> [u32; MAX_INLINED + 1] {
        let mut numbers = [0; MAX_INLINED + 1];
        let all = self.inside.iter().chain([&self.number]);
        numbers
            .iter_mut()
            .zip(all)
            .for_each(|(place, number)| *place = *number);
        numbers
    }
}

impl Type {
    /// A struct of these fields.
    pub fn new(name: impl Into<Text>, mut fields: Vec<Field>) -> Self {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            name: name.into(),
            kinds: Vec::new(),
            atomic: false,
            unions: None,
            fields,
            lines: 0,
        }
    }

    /// Its fields, in the order of their names.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of that JSON name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self
            .fields
            .binary_search_by(|field| field.name.as_ref().cmp(name))
            .ok()?;
        self.fields.get(at)
    }
}

impl Types {
    /// Reads a table.
    ///
    /// # Errors
    /// The first line that is not as the module describes.
    pub fn parse(text: &'static str) -> Result<Self, SchemaError> {
        parse::parse(text)
    }

    /// Adds a type; one of the same name is no longer found by name.
    pub fn add(&mut self, ty: Type) -> TypeId {
        let id = TypeId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.names.insert(ty.name.clone(), id);
        for kind in &ty.kinds {
            self.kinds.insert(kind.clone(), id);
        }
        self.types.push(ty);
        id
    }

    /// The type of that full name.
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.id(name).map(|id| &self[id])
    }

    /// Where the type of that full name is.
    pub fn id(&self, name: &str) -> Option<TypeId> {
        self.names.get(name).copied()
    }

    /// The type of that kind.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<TypeId> {
        let key = GroupVersionKind {
            group: Text::Owned(group.to_owned()),
            version: Text::Owned(version.to_owned()),
            kind: Text::Owned(kind.to_owned()),
        };
        self.kinds.get(&key).copied()
    }

    /// All types, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = &Type> {
        self.types.iter()
    }
}

impl Index<TypeId> for Types {
    type Output = Type;

    fn index(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }
}
