//! What the server counts, under the names that Kubernetes' API server has for it.

use std::borrow::Cow;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::request::RequestInfo;
use crate::served::Served;

type Word = Cow<'static, str>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    verb: &'static str,
    group: Word,
    version: Word,
    resource: Word,
    subresource: Word,
    scope: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    verb: &'static str,
    group: Word,
    version: Word,
    resource: Word,
    scope: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Watched {
    group: Word,
    version: Word,
    resource: Word,
}

/// All of it.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Timed, Histogram, fn() -> Histogram>,
    watchers: Family<Watched, Gauge>,
    revision: Gauge<i64, AtomicI64>,
    objects: Gauge<i64, AtomicI64>,
}

fn histogram() -> Histogram {
    let bounds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
    ];
    Histogram::new(bounds)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            watchers: Family::default(),
            revision: Gauge::default(),
            objects: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "apiserver_request",
            "Requests, by what they asked for and how they were answered",
            metrics.requests.clone(),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "Time from a request's head to its answer's head",
            metrics.durations.clone(),
        );
        registry.register(
            "apiserver_longrunning_requests",
            "Watches that are open",
            metrics.watchers.clone(),
        );
        registry.register(
            "navarch_store_revision",
            "The newest revision of the store",
            metrics.revision.clone(),
        );
        registry.register(
            "navarch_store_keys",
            "Keys in the store",
            metrics.objects.clone(),
        );
        metrics
    }

    /// Counts an answer. `served` is `None` where the request was about no resource that there is: nothing that a stranger
    /// makes up becomes a label.
    pub(crate) fn answered(
        &self,
        info: &RequestInfo<'_>,
        served: Option<&Served>,
        code: u16,
        took: Duration,
    ) {
        let verb = verb(info);
        let def = served.map(|served| &served.def);
        let (group, version, resource) = match def {
            Some(def) => (def.group.clone(), def.version.clone(), def.plural.clone()),
            None => (Word::default(), Word::default(), Word::default()),
        };
        let known = def.and_then(|def| def.subresource(&info.subresource));
        let subresource = known.map_or(Word::default(), |sub| sub.name.clone());
        let scope = match (
            def.is_some(),
            info.name.is_empty(),
            info.namespace.is_empty(),
        ) {
            (false, ..) => "",
            (_, false, _) => "resource",
            (_, _, false) => "namespace",
            _ => "cluster",
        };
        let timed = Timed {
            verb,
            group: group.clone(),
            version: version.clone(),
            resource: resource.clone(),
            scope,
        };
        self.durations
            .get_or_create(&timed)
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&Answered {
                verb,
                group,
                version,
                resource,
                subresource,
                scope,
                code,
            })
            .inc();
    }

    /// The number of open watches of a resource.
    pub(crate) fn watchers(&self, served: &Served) -> Gauge {
        let def = &served.def;
        let labels = Watched {
            group: def.group.clone(),
            version: def.version.clone(),
            resource: def.plural.clone(),
        };
        self.watchers.get_or_create_owned(&labels)
    }

    /// In Prometheus' text format.
    pub(crate) fn text(&self, status: &navarch_store::Status) -> String {
        self.revision
            .set(i64::try_from(status.revision).unwrap_or(i64::MAX));
        self.objects
            .set(i64::try_from(status.keys).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to memory cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn verb(info: &RequestInfo<'_>) -> &'static str {
    use crate::request::Verb;
    match info.verb {
        Verb::Create => "POST",
        Verb::Delete => "DELETE",
        Verb::DeleteCollection => "DELETECOLLECTION",
        Verb::Get => "GET",
        Verb::List => "LIST",
        Verb::Patch => "PATCH",
        Verb::Update => "PUT",
        Verb::Watch => "WATCH",
        Verb::Other => "other",
    }
}
