//! Fields that Kubernetes writes as `null` where there is nothing in them: those whose Go tag has no `omitempty` and whose type has
//! an empty value that is `null` in JSON (lists, maps, pointers), and times, of which Go leaves none out.

use std::collections::HashMap;
use std::sync::LazyLock;

use navarch_machinery::schema::TypeId;

use crate::schema::schema;

/// The fields of a type that are written as `null` where there is nothing in them.
pub(crate) fn nulled(ty: TypeId) -> &'static [&'static str] {
    BY_TYPE.get(&ty).map_or(&[], |fields| fields)
}

static BY_TYPE: LazyLock<HashMap<TypeId, Box<[&'static str]>>> = LazyLock::new(|| {
    let nulled = schema().iter().filter_map(|ty| {
        let fields = ty.fields().iter().filter(|field| field.null);
        let names: Box<[_]> = fields.map(|field| &*field.name).collect();
        let id = schema().id(&ty.name).filter(|_| !names.is_empty());
        Some((id?, names))
    });
    nulled.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_over_an_object_has_a_bit_for_each() {
        assert!(BY_TYPE.values().all(|fields| fields.len() < 32));
    }

    #[test]
    fn conditions_roles_and_slices_have_some() {
        let of = |name: &str| nulled(schema().id(name).unwrap());
        assert_eq!(of("io.k8s.api.rbac.v1.Role"), ["rules"]);
        assert_eq!(
            of("io.k8s.api.discovery.v1.EndpointSlice"),
            ["endpoints", "ports"]
        );
        let times = ["lastProbeTime", "lastTransitionTime"];
        assert_eq!(of("io.k8s.api.core.v1.PodCondition"), times);
        assert!(of("io.k8s.api.authorization.v1.SubjectRulesReviewStatus").is_empty());
        assert!(of("io.k8s.api.core.v1.PodList").is_empty());
    }
}
