//! The paths of a proxy: what is before the backend's own path, and how a backend's redirects come to have it again.

/// The part of a request's path that is ours: `/api/v1/namespaces/NAMESPACE/pods/NAME/proxy`.
#[derive(Debug, Clone)]
pub(super) struct Prefix {
    path: String,
    /// What follows, with its slash; empty where nothing does.
    inner: String,
}

impl Prefix {
    /// `rest`: what follows the subresource in `path`, without its slash.
    pub(super) fn of(path: &str, rest: &str) -> Self {
        let (path, inner) = path.split_at(path.len() - rest.len());
        match path.strip_suffix('/') {
            Some(path) => Self {
                path: path.to_owned(),
                inner: format!("/{inner}"),
            },
            None => Self {
                path: path.to_owned(),
                inner: String::new(),
            },
        }
    }

    /// The whole path, where it ends without a slash: nothing is asked of the backend.
    pub(super) fn without_slash(&self) -> Option<&str> {
        self.inner.is_empty().then_some(&*self.path)
    }

    /// The backend's own path.
    pub(super) fn inner(&self) -> String {
        match &*self.inner {
            "" => "/".to_owned(),
            inner => inner.to_owned(),
        }
    }

    /// Where a client finds what the backend calls `url`. `own`: the hosts that mean the backend. What is elsewhere, or relative, stays.
    pub(super) fn rewrite(&self, url: &str, own: &[&str]) -> String {
        let after_scheme = ["http://", "https://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .or_else(|| url.strip_prefix("//"));
        let path = match after_scheme {
            Some(rest) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, path) = rest.split_at(end);
                if !own.contains(&host) {
                    return url.to_owned();
                }
                path
            }
            None => url,
        };
        if !path.starts_with('/') {
            return url.to_owned();
        }
        let within = path.strip_prefix(&*self.path);
        if within.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
            return path.to_owned();
        }
        format!("{}{path}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/api/v1/namespaces/a/pods/p/proxy";

    #[test]
    fn the_backend_sees_what_follows() {
        let inner = |rest: &str, path: &str| Prefix::of(&format!("{PATH}{path}"), rest).inner();
        assert_eq!(inner("", ""), "/");
        assert_eq!(inner("", "/"), "/");
        assert_eq!(inner("a%2Fb/", "/a%2Fb/"), "/a%2Fb/");
        assert_eq!(Prefix::of(PATH, "").without_slash(), Some(PATH));
        assert_eq!(Prefix::of(&format!("{PATH}/"), "").without_slash(), None);
    }

    #[test]
    fn redirects_stay_behind_the_proxy() {
        let prefix = Prefix::of(&format!("{PATH}/x"), "x");
        let own = ["10.0.0.1:8080", "api:6443"];
        let to = |url: &str| prefix.rewrite(url, &own);
        assert_eq!(to("/login?a=b#c"), format!("{PATH}/login?a=b#c"));
        assert_eq!(to("http://10.0.0.1:8080/login/"), format!("{PATH}/login/"));
        assert_eq!(to("https://api:6443/login"), format!("{PATH}/login"));
        assert_eq!(to(&format!("{PATH}/login")), format!("{PATH}/login"));
        for stays in [
            "login",
            "../x",
            "https://elsewhere/x",
            "//elsewhere/x",
            "?a",
            "http://10.0.0.1:8080",
        ] {
            assert_eq!(to(stays), stays);
        }
    }
}
