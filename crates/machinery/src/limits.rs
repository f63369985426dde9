//! The bounds on what a stranger may send, in one place.

/// The size of a request's body, in bytes.
pub const MAX_REQUEST_BODY: usize = 3 * 1024 * 1024;
/// The size of an object as it is stored, in bytes (etcd's request limit in Kubernetes).
pub const MAX_OBJECT: usize = 1536 * 1024;
/// The size of all annotations of an object together, keys and values, in bytes.
pub const MAX_ANNOTATIONS: usize = 256 * 1024;
/// The length of a DNS label: names of services, namespaces, ports of pods.
pub const MAX_LABEL_NAME: usize = 63;
/// The length of a DNS subdomain: names of most objects.
pub const MAX_SUBDOMAIN_NAME: usize = 253;
/// The length of a label's value.
pub const MAX_LABEL_VALUE: usize = 63;
/// The length of a generated name, and with it how much of its base stays.
pub const MAX_GENERATED_NAME: usize = 63;
/// The random letters at a generated name's end.
pub const GENERATED_SUFFIX: usize = 5;
/// The length of a field manager's name.
pub const MAX_FIELD_MANAGER: usize = 128;
/// The operations in a JSON patch.
pub const MAX_PATCH_OPERATIONS: usize = 10_000;
/// What the copy operations of a JSON patch may add, in bytes.
pub const MAX_PATCH_COPY: usize = MAX_REQUEST_BODY;
/// The work that one patch may take, in list elements that make room or close up, each of which is a copy of a few bytes. Few bytes can ask
/// for much of it: 10,000 operations at the front of a list of a million elements moved 380 GB. This is a fifth of a second, and enough to
/// take a list of 10,000 elements apart from its front, an element an operation, as many as an object of 1.5 MiB is likely to have.
pub const MAX_PATCH_WORK: usize = 64 * 1024 * 1024;
/// How deeply JSON and YAML may be nested, which is what serde_json allows. Kubernetes takes 10,000; no object comes near.
pub const MAX_DEPTH: usize = 127;
/// The unknown and duplicate fields that are told of a document.
pub const MAX_STRICT_FINDINGS: usize = 100;
/// What the aliases of a YAML document may add to it, in bytes of JSON.
pub const MAX_YAML_EXPANSION: usize = MAX_REQUEST_BODY;
/// The requirements of a selector.
pub const MAX_SELECTOR_REQUIREMENTS: usize = 10_000;
/// What a protobuf body may become as JSON, in bytes: names are short on the wire, and base64 is longer than bytes.
pub const MAX_TRANSCODED: usize = 8 * MAX_REQUEST_BODY;
