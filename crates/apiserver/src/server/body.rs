//! The body of a request: no more than allowed, and not for ever.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use navarch_machinery::limits::MAX_REQUEST_BODY;
use navarch_machinery::status::{Result, StatusError};

use crate::limits::BODY_WAIT;

/// Reads all of a body.
pub(super) async fn read(body: Incoming) -> Result<Bytes> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let too_large = || StatusError::too_large(format!("limit is {MAX_REQUEST_BODY}"));
    if body.size_hint().lower() > MAX_REQUEST_BODY as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_WAIT, Limited::new(body, MAX_REQUEST_BODY).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(StatusError::bad_request(format!(
            "unable to read the body: {error}"
        ))),
        Err(_) => Err(StatusError::new(
            408,
            "Timeout",
            "the body of the request did not come in time",
        )),
    }
}
