use super::*;

#[test]
fn a_certificate_ends_though_its_connection_does_not() {
    let connection = Connection {
        certificate: Some(Arc::new(UserInfo::anonymous())),
        expires: Some(100),
    };
    assert!(connection.user(100).unwrap().is_ok());
    assert_eq!(connection.user(101).unwrap().err().unwrap().code, 401);
    assert!(Connection::default().user(101).is_none());
}

#[test]
fn a_token_is_the_second_word() {
    let check = |header: &'static str, token: Option<&str>| {
        assert_eq!(
            bearer(&HeaderValue::from_static(header)),
            token,
            "{header:?}"
        );
    };
    check("Bearer t", Some("t"));
    check("bearer t more", Some("t"));
    check("Bearer  t", Some(""));
    check("Bearer", None);
    check("Basic t", None);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer  t"));
    assert!(passed_over(&Connection::default(), &headers).is_some());
}
