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
