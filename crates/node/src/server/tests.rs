use http::HeaderMap;

use super::query::Query;
use super::*;

#[test]
fn the_newest_protocol_that_both_know() {
    let headers = |offered: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered.parse().unwrap());
        headers
    };
    let ours = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
    assert_eq!(
        websocket::choose(&headers("v4.channel.k8s.io, v5.channel.k8s.io"), &ours).unwrap(),
        Some("v5.channel.k8s.io")
    );
    assert_eq!(websocket::choose(&HeaderMap::new(), &ours).unwrap(), None);
    assert_eq!(
        websocket::choose(&headers("v9"), &ours).unwrap_err().code,
        403
    );
}

#[test]
fn parameters_of_requests() {
    let query = Query::of(
        &"/exec/a/b/c?command=sh&command=-c&command=a%20b&output=1&tty=true&tailLines="
            .parse()
            .unwrap(),
    );
    assert_eq!(query.all("command"), ["sh", "-c", "a b"]);
    assert!(query.flag(&["output", "stdout"]) && query.flag(&["tty"]) && !query.flag(&["input"]));
    assert_eq!(query.one("tailLines"), None);
}
