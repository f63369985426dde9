//! YAML. What is read from it is JSON, and written as YAML it is read as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use navarch_machinery::yaml;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(converted) = yaml::convert(bytes) else {
        return;
    };
    let value: Value = serde_json::from_slice(&converted.json).unwrap();
    let Ok(written) = yaml::from_json(&converted.json) else {
        return;
    };
    let again = yaml::to_json(&written).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), value);
});
