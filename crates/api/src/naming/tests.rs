use super::{label, path_segment, subdomain};

#[test]
fn a_prefix_may_end_in_a_dash() {
    assert!(subdomain("web-", true).is_empty());
    assert!(!subdomain("web-", false).is_empty());
    assert!(!subdomain("-", true).is_empty());
    assert!(!label("a.b-", true).is_empty());
}

#[test]
fn a_name_is_one_segment() {
    assert!(path_segment("Not_A_Name!", false).is_empty());
    assert_eq!(path_segment("..", false), ["may not be '..'"]);
    assert_eq!(
        path_segment("a/b%", false),
        ["may not contain '/'", "may not contain '%'"]
    );
}
