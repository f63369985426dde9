//! The body of a subresource that is no part of the object's JSON: an eviction, a binding, a request for a token.

use navarch_machinery::object::Typed;
use navarch_machinery::status::{Result, StatusError};

use super::super::create::own_namespace;
use super::super::{Request, decode};
use crate::request::WriteOptions;
use crate::served::{Directory, Served};

/// The request's body, which is of the kind of `served` and in the request's namespace.
pub(super) fn body<T: Typed>(
    directory: &Directory,
    served: &Served,
    request: &mut Request<'_>,
    options: WriteOptions,
) -> Result<T> {
    let (input, warnings) = (&request.body, &mut request.warnings);
    let object = decode::object(directory, served, input, options.validation, warnings)?;
    let object = object.as_any().downcast_ref::<T>().cloned();
    let mut object = object.ok_or_else(|| StatusError::internal("a body is of another kind"))?;
    own_namespace(request.namespace(), &mut object)?;
    Ok(object)
}
