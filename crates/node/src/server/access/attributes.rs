//! What a request to the node is, in the terms in which permission is given: a verb on `nodes` and a subresource for what the path is
//! about, as the kubelet's fine-grained authorization has it.

use http::Method;

use crate::server::routes::segments;

/// A request, as the API server is asked about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Empty: a method that means nothing.
    pub(super) verb: &'static str,
    /// Each is enough.
    pub(super) subresources: &'static [&'static str],
}

impl Attributes {
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let first = segments(path).first().copied().unwrap_or_default();
        let subresources: &[&str] = match first {
            "pods" | "runningpods" => &["pods", "proxy"],
            "healthz" => &["healthz", "proxy"],
            "configz" => &["configz", "proxy"],
            "flagz" => &["configz"],
            "stats" => &["stats"],
            "metrics" => &["metrics"],
            "logs" => &["log"],
            "checkpoint" => &["checkpoint"],
            "statusz" => &["statusz"],
            _ => &["proxy"],
        };
        // A WebSocket is asked for with GET: who may only read would run commands. The kubelet lets them.
        let acts = matches!(first, "exec" | "attach" | "portForward" | "run");
        let verb = match *method {
            _ if acts => "create",
            Method::POST => "create",
            Method::GET => "get",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "",
        };
        Self { verb, subresources }
    }

    /// In the kubelet's words.
    pub(super) fn forbidden(&self, user: &str) -> String {
        format!(
            "Forbidden (user={user}, verb={}, resource=nodes, subresource(s)=[{}])\n",
            self.verb,
            self.subresources.join(" ")
        )
    }

    /// In the kubelet's words, where it could not be found out.
    pub(super) fn failed(&self, user: &str, subresource: &str) -> String {
        let verb = self.verb;
        format!(
            "Authorization error (user={user}, verb={verb}, resource=nodes, subresource={subresource})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(method: &Method, path: &str) -> String {
        let attributes = Attributes::of(method, path);
        format!("{} {}", attributes.verb, attributes.subresources.join(" "))
    }

    #[test]
    fn what_a_path_is_about() {
        for (path, expected) in [
            ("/pods", "get pods proxy"),
            ("/pods/", "get pods proxy"),
            ("/podsx", "get proxy"),
            ("/runningpods/", "get pods proxy"),
            ("/healthz/syncloop", "get healthz proxy"),
            ("/configz", "get configz proxy"),
            ("/flagz", "get configz"),
            ("/stats/summary", "get stats"),
            ("/metrics", "get metrics"),
            ("/metrics/resource", "get metrics"),
            ("/metricsx", "get proxy"),
            ("/logs/syslog", "get log"),
            ("/checkpoint/a/b/c", "get checkpoint"),
            ("/statusz", "get statusz"),
            ("/containerLogs/a/b/c", "get proxy"),
            ("/", "get proxy"),
            ("", "get proxy"),
        ] {
            assert_eq!(told(&Method::GET, path), expected, "{path}");
        }
    }

    /// However it is written, as long as it leads there.
    #[test]
    fn to_act_is_to_create_whatever_the_method() {
        for path in [
            "/exec/a/b/c",
            "//exec/a/b/c",
            "/exec/a/b/c/",
            "/attach/a/b/c",
            "/portForward/a/b",
            "/run/a/b/c",
        ] {
            for method in &[Method::GET, Method::POST, Method::HEAD] {
                assert_eq!(told(method, path), "create proxy", "{path}");
            }
        }
        assert_eq!(told(&Method::PUT, "/pods"), "update pods proxy");
        assert_eq!(told(&Method::OPTIONS, "/pods"), " pods proxy");
    }
}
