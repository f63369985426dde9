use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::*;

fn owner(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        name: name.into(),
        uid: uid.into(),
        ..Default::default()
    }
}

fn owned(owners: Vec<OwnerReference>) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.owner_references = Some(owners);
    map
}

#[test]
fn the_same_owner_is_kept_once() {
    let mut map = owned(vec![owner("a", "u"), owner("b", "v"), owner("a", "u")]);
    let mut warnings = Vec::new();
    drop_duplicates(&mut map, When::Sent, &mut warnings);
    assert_eq!(
        map.metadata.owner_references,
        Some(vec![owner("a", "u"), owner("b", "v")])
    );
    assert_eq!(
        warnings,
        [
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject \
             such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u"
        ]
    );
}

#[test]
fn one_uid_under_two_names_is_left_alone() {
    let owners = vec![owner("a", "u"), owner("b", "u")];
    let mut map = owned(owners.clone());
    let mut warnings = Vec::new();
    drop_duplicates(&mut map, When::Made, &mut warnings);
    assert_eq!(map.metadata.owner_references, Some(owners));
    assert!(warnings.is_empty());
}
