use jiff::Timestamp;

use super::{Contents, Left};

fn left(resource: &str, group: &str, count: usize, finalizers: &[(&str, usize)]) -> Left {
    Left {
        resource: resource.into(),
        group: group.into(),
        version: "v1".into(),
        count,
        finalizers: finalizers
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect(),
        ..Left::default()
    }
}

fn told(contents: &Contents) -> Vec<String> {
    let conditions = contents.conditions(&[], Timestamp::UNIX_EPOCH);
    let words = conditions.iter().map(|c| {
        format!(
            "{} {} {} {}",
            c.type_,
            c.status,
            c.reason.as_deref().unwrap(),
            c.message.as_deref().unwrap()
        )
    });
    words.collect()
}

#[test]
fn an_empty_namespace_says_that_all_is_well() {
    assert_eq!(
        told(&Contents::default()),
        [
            "NamespaceDeletionDiscoveryFailure False ResourcesDiscovered All resources successfully discovered",
            "NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions All legacy kube types successfully parsed",
            "NamespaceDeletionContentFailure False ContentDeleted All content successfully deleted, may be waiting on finalization",
            "NamespaceContentRemaining False ContentRemoved All content successfully removed",
            "NamespaceFinalizersRemaining False ContentHasNoFinalizers All content-preserving finalizers finished",
        ]
    );
}

#[test]
fn what_is_left_is_counted_by_resource_and_by_finalizer() {
    let contents = Contents {
        left: vec![
            left("pods", "", 2, &[("a.io/x", 2)]),
            left(
                "deployments",
                "apps",
                1,
                &[("a.io/x", 1), ("foregroundDeletion", 1)],
            ),
        ],
    };
    let told = told(&contents);
    assert_eq!(
        told[3],
        "NamespaceContentRemaining True SomeResourcesRemain Some resources are remaining: \
         deployments.apps has 1 resource instances, pods. has 2 resource instances"
    );
    assert_eq!(
        told[4],
        "NamespaceFinalizersRemaining True SomeFinalizersRemain Some content in the namespace has finalizers remaining: \
         a.io/x in 3 resource instances, foregroundDeletion in 1 resource instances"
    );
}

#[test]
fn failures_are_told_in_order_of_their_words() {
    let mut secrets = left("secrets", "", 0, &[]);
    secrets.error = Some("b".into());
    let mut pods = left("pods", "", 0, &[]);
    pods.error = Some("a".into());
    let contents = Contents {
        left: vec![secrets, pods],
    };
    assert!(!contents.is_empty());
    assert_eq!(
        told(&contents)[2],
        "NamespaceDeletionContentFailure True ContentDeletionFailed Failed to delete all resource types, 2 remaining: a, b"
    );
}

#[test]
fn who_stays_without_being_held_is_unexpected() {
    assert_eq!(
        left("pods", "", 1, &[]).unexpected("ns").unwrap(),
        "unexpected items still remain in namespace: ns for gvr: /v1, Resource=pods"
    );
    assert_eq!(left("pods", "", 1, &[("x", 1)]).unexpected("ns"), None);
    assert_eq!(
        Left {
            grace: 30,
            ..left("pods", "", 1, &[])
        }
        .unexpected("ns"),
        None
    );
    assert_eq!(left("pods", "", 0, &[]).unexpected("ns"), None);
}

#[test]
fn a_condition_keeps_its_time_while_its_status_stays() {
    let first = Contents {
        left: vec![left("pods", "", 2, &[])],
    }
    .conditions(&[], Timestamp::UNIX_EPOCH);
    let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(9);
    let second = Contents {
        left: vec![left("pods", "", 1, &[])],
    }
    .conditions(&first, later);
    assert_eq!(
        second[3].last_transition_time,
        first[3].last_transition_time
    );
    assert_ne!(second[3].message, first[3].message);
    let third = Contents::default().conditions(&second, later);
    assert_eq!(third[3].last_transition_time.as_ref().unwrap().0, later);
}
