//! The body of a request: no more than allowed, and not for ever.

use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use navarch_machinery::limits::MAX_REQUEST_BODY;
use navarch_machinery::status::{Result, StatusError};

use crate::limits::BODY_WAIT;

/// How much of a body that is too long is read and thrown away, and for how long: a client that still writes when its
/// connection closes sees a broken pipe, not the answer.
const DRAINED_BYTES: usize = 32 << 20;
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// How much of the body of a request that is refused is taken in, and for how long: else the connection could not be used again.
/// Go's servers take in as much.
const REFUSED_BYTES: usize = 256 << 10;
const REFUSED_WAIT: Duration = Duration::from_secs(1);

/// Reads all of a body.
pub(super) async fn read(mut body: Incoming) -> Result<Bytes> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > MAX_REQUEST_BODY as u64 {
        return Err(too_large(body).await);
    }
    let whole = Limited::new(&mut body, MAX_REQUEST_BODY).collect();
    match tokio::time::timeout(BODY_WAIT, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(too_large(body).await)
        }
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

async fn too_large(body: Incoming) -> StatusError {
    drain(body, DRAINED_BYTES, DRAIN_WAIT).await;
    StatusError::too_large(format!("limit is {MAX_REQUEST_BODY}"))
}

/// Takes in the body of a request of HTTP/1 that is refused for its head alone.
pub(super) async fn refuse(body: Incoming, version: Version) {
    if version < Version::HTTP_2 && !body.is_end_stream() {
        drain(body, REFUSED_BYTES, REFUSED_WAIT).await;
    }
}

/// Reads and throws away. Whether it came to an end or not, the answer is the same.
async fn drain(mut body: Incoming, bytes: usize, wait: Duration) {
    let drain = async {
        let mut left = bytes;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = tokio::time::timeout(wait, drain).await;
}
