//! A path and a query, as the first line of a request has them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use navarch_apiserver::fuzzing;

fuzz_target!(|line: &str| {
    let (path, query) = line.split_once('?').unwrap_or((line, ""));
    fuzzing::request(path, query);
});
