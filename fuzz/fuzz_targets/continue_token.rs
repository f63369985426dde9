//! The token by which a client asks for the next page.
#![no_main]

use libfuzzer_sys::fuzz_target;
use navarch_apiserver::fuzzing;

fuzz_target!(|token: &str| fuzzing::continue_token(token));
