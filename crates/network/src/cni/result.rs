//! What plugins say.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::invocation::INTERFACE;

/// The addresses that a pod has been given, in their order: those of its own interface. In results of before 0.3 there is one of each family.
pub(super) fn addresses(result: &Value) -> Vec<IpAddr> {
    let listed = result["ips"].as_array().into_iter().flatten();
    let listed = listed.filter(|ip| is_of_pod(result, ip));
    let listed = listed.map(|ip| &ip["address"]);
    let old = [&result["ip4"]["ip"], &result["ip6"]["ip"]];
    let texts = listed.chain(old).filter_map(Value::as_str);
    texts.filter_map(address).collect()
}

/// Whether an address is of the pod's interface. Where none is said it is.
fn is_of_pod(result: &Value, ip: &Value) -> bool {
    let Some(index) = ip["interface"].as_u64() else {
        return ip["interface"].is_null();
    };
    let interface = usize::try_from(index).map(|index| &result["interfaces"][index]);
    interface.is_ok_and(|it| {
        let sandbox = it["sandbox"].as_str().unwrap_or_default();
        it["name"] == INTERFACE && !sandbox.is_empty()
    })
}

/// With the length of a prefix, as it is to be, or without.
fn address(text: &str) -> Option<IpAddr> {
    let with_prefix = text.parse::<IpNet>().map(|net| net.addr());
    with_prefix.ok().or_else(|| text.parse().ok())
}

/// Why a plugin has refused: what it says, or the last that it complained of.
pub(super) fn complaint(said: &[u8], complained: &[u8]) -> String {
    let error: Value = serde_json::from_slice(said).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().trim().to_owned();
    let (message, details) = (text("msg"), text("details"));
    match (message.is_empty(), details.is_empty()) {
        (false, true) => message,
        (false, false) => format!("{message}; {details}"),
        (true, _) => {
            let all =
                [complained, said].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
            let said = all.into_iter().find(|text| !text.is_empty());
            said.unwrap_or_else(|| "it said nothing".to_owned())
        }
    }
}
