//! What the fuzzers reach of this crate. It is there for them alone.

use http::Method;

use crate::registry::continuation::Token;
use crate::request::{Params, RequestInfo};

/// Takes a request's path and query apart.
pub fn request(path: &str, query: &str) {
    let params = Params::parse(query);
    let _ = params.timeout();
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let _ = RequestInfo::parse(&method, path, params.wants_watch());
    }
}

/// Reads a continue token. One that is taken must be written as one that is taken.
pub fn continue_token(text: &str) {
    if let Ok(token) = Token::decode(text) {
        assert_eq!(Token::decode(&token.encode()).ok(), Some(token));
    }
}
