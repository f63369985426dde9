use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const RSA: &str = include_str!("../../tests/fixtures/token-keys/rsa.pem");
const P256: &str = include_str!("../../tests/fixtures/token-keys/p256.pem");
const P384: &str = include_str!("../../tests/fixtures/token-keys/p384.pem");
const P384_PUBLIC: &str = include_str!("../../tests/fixtures/token-keys/p384.pub");
const P521_PUBLIC: &str = include_str!("../../tests/fixtures/token-keys/p521.pub");

fn keys(signer: &str, more: &str) -> TokenKeys {
    let more = match more {
        "" => Vec::new(),
        more => PublicKey::all_from_pem(more).unwrap(),
    };
    TokenKeys::new(SigningKey::from_pem(signer).unwrap(), more, "issuer")
}

fn request(now: i64) -> TokenRequest {
    TokenRequest {
        namespace: "default".into(),
        service_account: BoundObject {
            name: "builder".into(),
            uid: "u1".into(),
        },
        audiences: vec!["api".into()],
        pod: Some(BoundObject {
            name: "p".into(),
            uid: "u2".into(),
        }),
        now,
        seconds: 600,
        id: "id".into(),
        ..Default::default()
    }
}

/// The user of a token that was asked for, or what is said against it.
fn verified(keys: &TokenKeys, token: &str, audience: &str, now: i64) -> Result<String, String> {
    match keys.verify(token, &[audience], now) {
        Ok(Token::Bound(claims)) => Ok(claims.user().name),
        Ok(Token::Legacy(_)) => Err("legacy".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_token_holds_for_its_time_and_audience_only() {
    let own = keys(P256, "");
    let token = own.issue(request(1000)).unwrap();
    let check = |audience: &str, now: i64| verified(&own, &token, audience, now);
    let builder = "system:serviceaccount:default:builder".to_owned();
    assert_eq!(check("api", 1599), Ok(builder));
    let refused = |why: &str| Err(format!("invalid bearer token: {why}"));
    let expired = "service account token has expired";
    assert_eq!(check("api", 1600), refused(expired));
    assert_eq!(check("api", 999), refused("it is not valid yet"));
    let other = "it is meant for another audience";
    assert_eq!(check("other", 1000), refused(other));
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let forged = format!("{header}.{}A.{signature}", &payload[..payload.len() - 1]);
    assert_eq!(
        verified(&own, &forged, "api", 1000),
        refused("the signature is wrong")
    );
    assert_eq!(
        verified(&keys(P384, ""), &token, "api", 1000),
        refused("it is not one of this cluster's")
    );
    let elsewhere = TokenKeys::new(SigningKey::from_pem(P256).unwrap(), Vec::new(), "another");
    assert_eq!(
        verified(&elsewhere, &token, "api", 1000),
        refused("another issuer signed it")
    );
}

#[test]
fn each_kind_of_key_signs_and_is_believed() {
    for (pem, algorithm) in [(RSA, "RS256"), (P256, "ES256"), (P384, "ES384")] {
        let own = keys(pem, "");
        assert_eq!(own.algorithms(), [algorithm]);
        let token = own.issue(request(1000)).unwrap();
        assert!(verified(&own, &token, "api", 1000).is_ok(), "{algorithm}");
        assert!(verified(&own, &format!("{token}A"), "api", 1000).is_err());
    }
    let error = PublicKey::all_from_pem(P521_PUBLIC)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("RSA, or ECDSA over P-256 or P-384"),
        "{error}"
    );
    assert!(PublicKey::all_from_pem("").is_err());
    assert!(SigningKey::from_pem(P384_PUBLIC).is_err());
}

/// A key is exchanged without a token that is out being refused: both are believed for a while, and both are published.
#[test]
fn keys_of_before_are_believed_beside_the_one_that_signs() {
    let before = keys(P384, "").issue(request(1000)).unwrap();
    let now = keys(RSA, &format!("{P384_PUBLIC}{P256}"));
    assert!(verified(&now, &before, "api", 1000).is_ok());
    assert!(verified(&keys(RSA, P256), &before, "api", 1000).is_err());
    let published: Vec<_> = now
        .web_keys()
        .into_iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect();
    // As `openssl pkey -pubout -outform DER | openssl dgst -sha256` says, and so Kubernetes.
    let expected = [
        "M_xY56gEIz6QTTwM7LO0LUv006RCYdVHUm6ntM21JbM",
        "d2Z-V6YLDBngz5O3YgHEkRF9cDIA4qiPhx_f2O2O9ng",
        "mo6x9kHtYknzDBDEDzBKbLW5iHzgcnruqYOzX8rxcnc",
    ];
    assert_eq!(published, expected);
    assert_eq!(now.algorithms(), ["ES256", "ES384", "RS256"]);
    // The signer's own is not told twice.
    assert_eq!(keys(P384, P384_PUBLIC).web_keys().len(), 1);
}

/// Whoever has the published key can check a token, as other systems do that trust the cluster.
#[test]
fn the_published_keys_check_tokens() {
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
        UnparsedPublicKey,
    };
    let decoded = |text: &serde_json::Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap());
    for pem in [P256, RSA] {
        let own = keys(pem, "");
        let token = own.issue(request(1000)).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = &own.web_keys()[0];
        let part = |name: &str| decoded(&key[name]).unwrap();
        if key["kty"] == "RSA" {
            let (n, e) = (part("n"), part("e"));
            RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
                .unwrap();
        } else {
            let point = [vec![4], part("x"), part("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed.as_bytes(), &signature)
                .unwrap();
        }
    }
}

#[test]
fn a_token_of_before_says_its_secret_and_has_no_end() {
    let own = keys(P256, "");
    let account = BoundObject {
        name: "builder".into(),
        uid: "u1".into(),
    };
    let claims = LegacyClaims::new("default", &account, "kept");
    let token = own.issue_legacy(&claims).unwrap();
    let Token::Legacy(read) = own.verify(&token, &["any"], i64::MAX).unwrap() else {
        panic!("it is read as another");
    };
    assert_eq!(read, claims);
    assert_eq!(read.user().name, "system:serviceaccount:default:builder");
    assert_eq!(read.user().uid, "u1");
    // One that says two things is nobody's.
    let mut two = serde_json::to_value(&claims).unwrap();
    two["sub"] = "system:serviceaccount:kube-system:builder".into();
    let two: LegacyClaims = serde_json::from_value(two).unwrap();
    let two = own.issue_legacy(&two).unwrap();
    assert!(own.verify(&two, &["any"], 0).is_err());
}
