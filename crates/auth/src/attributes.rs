//! What a request wants to do, in the terms in which permission is given: Kubernetes' `authorizer.Attributes`.

/// A request, as an authorizer sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attributes<'a> {
    /// `get`, or the lower-case HTTP method for a path that is no resource's.
    pub verb: &'a str,
    /// Whether it is about a resource.
    pub resource_request: bool,
    /// The group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The plural.
    pub resource: &'a str,
    /// Empty: the object itself.
    pub subresource: &'a str,
    /// Empty: all, or none.
    pub namespace: &'a str,
    /// Empty: all, or not named yet.
    pub name: &'a str,
    /// The path.
    pub path: &'a str,
    /// What the field selector demands to be equal, field and value, of a list, a watch or a deletion of many. Demands of other
    /// kinds narrow nothing that permission is given by, and are left out.
    pub equal_fields: &'a [(&'a str, &'a str)],
}
