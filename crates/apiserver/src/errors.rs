//! What the store says, in Kubernetes' words.

use navarch_machinery::status::StatusError;
use navarch_store::Error;

/// The Status of a failed store operation.
pub(crate) fn of_store(error: Error) -> StatusError {
    match error {
        Error::Compacted { asked, oldest } => {
            StatusError::expired(format!("too old resource version: {asked} ({oldest})"))
        }
        Error::Future { asked, current } => too_large_version(asked, current),
        Error::TooLarge(why) => {
            StatusError::too_large(format!("etcdserver: request is too large: {why}"))
        }
        Error::Closed => StatusError::unavailable("the server is shutting down"),
        other => StatusError::internal(other),
    }
}

/// 504: a revision that has not come yet.
pub(crate) fn too_large_version(asked: u64, current: u64) -> StatusError {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
    let mut error = StatusError::timeout(
        format!("Timeout: Too large resource version: {asked}, current: {current}"),
        1,
    );
    let cause = StatusCause {
        reason: Some("ResourceVersionTooLarge".into()),
        message: Some("Too large resource version".into()),
        field: None,
    };
    error.details.get_or_insert_default().causes = Some(vec![cause]);
    error
}
