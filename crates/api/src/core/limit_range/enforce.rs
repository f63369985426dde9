//! What a limit range says against a pod or a claim, in Kubernetes' words. What is about a container is about every container and
//! init container; ephemeral containers have no resources.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod, PodSpec, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_machinery::quantity::Quantity;

use crate::pod::absent::{entries, items};
use crate::pod::{amount, limits_of_containers, requests_of_containers};

type Amounts = BTreeMap<String, Text>;

/// What a limit range says against a pod: each constraint that is broken.
pub fn against_pod(range: &LimitRange, pod: &Pod) -> Vec<String> {
    let none = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&none);
    let mut found = Vec::new();
    for limit in items_of(range) {
        match limit.type_.as_str() {
            "Container" => {
                let all = spec.containers.iter().chain(items(&spec.init_containers));
                for container in all {
                    let asked = Asked::of(container.resources.as_ref());
                    found.extend(asked.against(limit));
                }
            }
            "Pod" => found.extend(Asked::of_pod(spec).against(limit)),
            _ => {}
        }
    }
    found
}

/// What a limit range says against a claim. Only what it asks for counts.
pub fn against_claim(range: &LimitRange, claim: &PersistentVolumeClaim) -> Vec<String> {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let asked = Asked {
        requests: resources
            .and_then(|it| it.requests.clone())
            .unwrap_or_default(),
        limits: Amounts::new(),
    };
    let mut found = Vec::new();
    for limit in items_of(range).filter(|limit| limit.type_ == "PersistentVolumeClaim") {
        let of = |name, bound| asked.one(limit, name, bound);
        let min = entries(&limit.min);
        found.extend(min.filter_map(|(name, bound)| of(name, bound).below()));
        let max = entries(&limit.max);
        found.extend(max.filter_map(|(name, bound)| of(name, bound).request_above()));
    }
    found
}

fn items_of(range: &LimitRange) -> impl Iterator<Item = &LimitRangeItem> {
    range.spec.iter().flat_map(|spec| &spec.limits)
}

/// What a container or a pod asks for.
struct Asked {
    requests: Amounts,
    limits: Amounts,
}

impl Asked {
    fn of(resources: Option<&ResourceRequirements>) -> Self {
        let list = |list: fn(&ResourceRequirements) -> &Option<Amounts>| {
            resources
                .and_then(|it| list(it).clone())
                .unwrap_or_default()
        };
        Self {
            requests: list(|it| &it.requests),
            limits: list(|it| &it.limits),
        }
    }

    /// All containers together; of processor and memory what the pod as a whole asks for, where it does.
    fn of_pod(spec: &PodSpec) -> Self {
        let whole = |all: &mut Amounts, own: Option<&Amounts>| {
            let own = own.into_iter().flatten();
            let supported = own.filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory"));
            all.extend(supported.map(|(name, amount)| (name.clone(), amount.clone())));
        };
        let (mut requests, mut limits) = (requests_of_containers(spec), limits_of_containers(spec));
        let own = spec.resources.as_ref();
        whole(&mut requests, own.and_then(|own| own.requests.as_ref()));
        whole(&mut limits, own.and_then(|own| own.limits.as_ref()));
        Self { requests, limits }
    }

    fn against(&self, limit: &LimitRangeItem) -> Vec<String> {
        let of = |name, bound| self.one(limit, name, bound);
        let min = entries(&limit.min).filter_map(|(name, bound)| of(name, bound).below());
        let max = entries(&limit.max).filter_map(|(name, bound)| of(name, bound).above());
        let ratio = entries(&limit.max_limit_request_ratio);
        let ratio = ratio.filter_map(|(name, bound)| of(name, bound).too_far_apart());
        min.chain(max).chain(ratio).collect()
    }

    fn one<'a>(&'a self, limit: &'a LimitRangeItem, name: &'a str, bound: &'a Text) -> One<'a> {
        One {
            kind: &limit.type_,
            name,
            bound,
            request: self.requests.get(name),
            limit: self.limits.get(name),
        }
    }
}

/// What is asked for of one resource, and the bound that it is to keep.
struct One<'a> {
    kind: &'a str,
    name: &'a str,
    bound: &'a Text,
    request: Option<&'a Text>,
    limit: Option<&'a Text>,
}

impl One<'_> {
    fn below(&self) -> Option<String> {
        let head = self.head("minimum");
        let Some(request) = self.request else {
            return Some(format!("{head}.  No request is specified"));
        };
        if amount::compare(request, self.bound).is_lt() {
            return Some(format!("{head}, but request is {}", amount::shown(request)));
        }
        let limit = self.limit;
        let limit = limit.filter(|limit| amount::compare(limit, self.bound).is_lt());
        limit.map(|limit| format!("{head}, but limit is {}", amount::shown(limit)))
    }

    fn above(&self) -> Option<String> {
        let head = self.head("maximum");
        let Some(limit) = self.limit else {
            return Some(format!("{head}.  No limit is specified"));
        };
        if amount::compare(limit, self.bound).is_gt() {
            return Some(format!("{head}, but limit is {}", amount::shown(limit)));
        }
        self.request.and_then(|_| self.request_above())
    }

    fn request_above(&self) -> Option<String> {
        let head = self.head("maximum");
        let Some(request) = self.request else {
            return Some(format!("{head}.  No request is specified"));
        };
        amount::compare(request, self.bound)
            .is_gt()
            .then(|| format!("{head}, but request is {}", amount::shown(request)))
    }

    fn too_far_apart(&self) -> Option<String> {
        let (name, kind, bound) = (self.name, self.kind, amount::shown(self.bound));
        let head = format!("{name} max limit to request ratio per {kind} is {bound}, but");
        let some = |text: Option<&Text>| {
            let amount = text.and_then(|text| Quantity::try_from(text).ok());
            amount.filter(|amount| !amount.is_zero())
        };
        let Some(request) = some(self.request) else {
            return Some(format!("{head} no request is specified or request is 0"));
        };
        let Some(limit) = some(self.limit) else {
            return Some(format!("{head} no limit is specified or limit is 0"));
        };
        let ratio = limit.approximate() / request.approximate();
        let bound = Quantity::try_from(self.bound).unwrap_or_default();
        (ratio * 1000.0 > bound.milli_value() as f64)
            .then(|| format!("{head} provided ratio is {ratio:.6}"))
    }

    fn head(&self, which: &str) -> String {
        let (name, kind, bound) = (self.name, self.kind, amount::shown(self.bound));
        format!("{which} {name} usage per {kind} is {bound}")
    }
}
