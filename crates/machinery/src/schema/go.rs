//! What Go calls the types of fields: for the words of errors alone, and so read from the table's text only where there is one.

use super::{Shape, TypeId, Types};

/// What Go's declaration of a field says and its name and shape do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GoField<'a> {
    /// The embedded structs that it is in, the outermost first, with points between them.
    pub embedded: &'a str,
    /// How Go prints its type, where the shape does not say it: `v1.Protocol`.
    pub printed: Option<&'a str>,
}

impl Types {
    /// What Go's declaration says of a field.
    pub fn go_field(&self, ty: TypeId, name: &str) -> GoField<'static> {
        let text = self.text.get(self[ty].lines as usize..).unwrap_or_default();
        let mut lines = text
            .lines()
            .skip(1)
            .map_while(|line| line.strip_prefix(' '));
        let words = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let mut field = GoField::default();
        for word in words.unwrap_or_default().split(' ') {
            match word.split_once('=') {
                Some(("go", printed)) => field.printed = Some(printed),
                Some(("in", embedded)) => field.embedded = embedded,
                _ => {}
            }
        }
        field
    }

    /// How Go prints the type of a list, map or struct; none of other shapes, of which errors say more than that.
    pub fn printed(&self, shape: &Shape) -> Option<String> {
        match shape {
            Shape::List(_) | Shape::Map(_) | Shape::Struct(_) => self.printed_part(shape),
            _ => None,
        }
    }

    fn printed_part(&self, shape: &Shape) -> Option<String> {
        Some(match shape {
            Shape::List(member) => format!("[]{}", self.printed_part(member)?),
            Shape::Map(value) => format!("map[string]{}", self.printed_part(value)?),
            Shape::Struct(id) => {
                let mut words = self[*id].name.rsplit('.');
                let (name, package) = (words.next()?, words.next()?);
                format!("{package}.{name}")
            }
            Shape::Any => return None,
            Shape::String => "string".to_owned(),
            Shape::Int32 => "int32".to_owned(),
            Shape::Int64 => "int64".to_owned(),
            Shape::Bool => "bool".to_owned(),
            Shape::Double => "float64".to_owned(),
            Shape::Bytes => "[]uint8".to_owned(),
            Shape::IntOrString => "intstr.IntOrString".to_owned(),
            Shape::Quantity => "resource.Quantity".to_owned(),
            Shape::Time => "v1.Time".to_owned(),
            Shape::MicroTime => "v1.MicroTime".to_owned(),
        })
    }
}
