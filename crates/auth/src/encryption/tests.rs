use super::*;

const KEY_1: &str = "c2VjcmV0IGlzIHNlY3VyZQ==";
const KEY_2: &str = "dGhpcyBpcyBwYXNzd29yZA==";

fn of(providers: &str) -> Arc<Providers> {
    let text = format!(
        "{{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, \
         resources: [{{resources: [secrets], providers: [{providers}]}}]}}"
    );
    let encryption = Encryption::parse(text.as_bytes()).unwrap();
    encryption.providers("", "secrets")
}

fn keys(keys: &[(&str, &str)]) -> String {
    let keys = keys.iter();
    let keys = keys.map(|(name, secret)| format!("{{name: {name}, secret: {secret}}}"));
    format!(
        "{{aesgcm: {{keys: [{}]}}}}",
        keys.collect::<Vec<_>>().join(", ")
    )
}

const IDENTITY: &str = "{identity: {}}";

#[test]
fn what_is_encrypted_is_read_back_and_says_by_whom() {
    let providers = of(&keys(&[("a", KEY_1)]));
    let kept = providers.encrypt("secrets/x/y", b"plain").unwrap().unwrap();
    assert!(kept.starts_with(b"k8s:enc:aesgcm:v1:a:"));
    assert!(!kept.windows(5).any(|window| window == b"plain"));
    let again = providers.encrypt("secrets/x/y", b"plain").unwrap().unwrap();
    assert_ne!(kept, again);
    let read = providers.decrypt("secrets/x/y", &kept).unwrap();
    assert_eq!(
        read,
        Decrypted {
            value: Some(b"plain".to_vec()),
            stale: false
        }
    );
}

#[test]
fn what_was_moved_or_changed_is_refused() {
    let providers = of(&keys(&[("a", KEY_1)]));
    let kept = providers.encrypt("secrets/x/y", b"plain").unwrap().unwrap();
    let unauthentic = Err(EncryptionError::Unauthentic);
    assert_eq!(providers.decrypt("secrets/x/z", &kept), unauthentic);
    for at in "k8s:enc:aesgcm:v1:a:".len()..kept.len() {
        let mut changed = kept.clone();
        changed[at] ^= 1;
        assert_eq!(providers.decrypt("secrets/x/y", &changed), unauthentic);
    }
    for length in "k8s:enc:aesgcm:v1:a:".len()..kept.len() {
        assert_eq!(
            providers.decrypt("secrets/x/y", &kept[..length]),
            unauthentic
        );
    }
}

#[test]
fn the_first_writes_and_all_read() {
    let old = of(&keys(&[("a", KEY_1)]));
    let kept = old.encrypt("k", b"v").unwrap().unwrap();
    let both = of(&keys(&[("b", KEY_2), ("a", KEY_1)]));
    assert!(both.decrypt("k", &kept).unwrap().stale);
    let anew = both.encrypt("k", b"v").unwrap().unwrap();
    assert!(anew.starts_with(b"k8s:enc:aesgcm:v1:b:"));
    let new = of(&keys(&[("b", KEY_2)]));
    assert!(!new.decrypt("k", &anew).unwrap().stale);
    assert_eq!(new.decrypt("k", &kept), Err(EncryptionError::NoProvider));
}

#[test]
fn two_keys_of_one_name_both_read() {
    let kept = of(&keys(&[("a", KEY_1)])).encrypt("k", b"v").unwrap();
    let both = of(&keys(&[("a", KEY_2), ("a", KEY_1)]));
    assert!(both.decrypt("k", &kept.unwrap()).unwrap().stale);
}

#[test]
fn plain_values_are_read_where_identity_is_a_provider() {
    let plain = |stale| Ok(Decrypted { value: None, stale });
    let key = keys(&[("a", KEY_1)]);
    assert_eq!(
        of(&key).decrypt("k", b"{}"),
        Err(EncryptionError::NoProvider)
    );
    assert_eq!(
        of(&format!("{key}, {IDENTITY}")).decrypt("k", b"{}"),
        plain(true)
    );
    let off = of(&format!("{IDENTITY}, {key}"));
    assert_eq!(off.decrypt("k", b"{}"), plain(false));
    assert_eq!(off.encrypt("k", b"{}"), Ok(None));
    let kept = of(&key).encrypt("k", b"{}").unwrap().unwrap();
    assert!(off.decrypt("k", &kept).unwrap().stale);
    assert_eq!(
        of(IDENTITY).decrypt("k", &kept),
        Err(EncryptionError::Encrypted)
    );
}

#[test]
fn the_first_rule_that_names_a_resource_decides() {
    let rule = |resources: &str, name: &str| {
        format!(
            "{{resources: [{resources}], providers: [{}]}}",
            keys(&[(name, KEY_1)])
        )
    };
    let rules = [
        rule("secrets, deployments.apps", "named"),
        rule("'*.'", "core"),
        rule("'*.apps'", "apps"),
        rule("'*.*'", "rest"),
    ];
    let text = format!(
        "{{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{}]}}",
        rules.join(", ")
    );
    let encryption = Encryption::parse(text.as_bytes()).unwrap();
    for (group, resource, name) in [
        ("", "secrets", "named"),
        ("", "configmaps", "core"),
        ("apps", "deployments", "named"),
        ("apps", "replicasets", "apps"),
        ("batch", "jobs", "rest"),
        ("example.com", "secrets", "rest"),
    ] {
        let kept = encryption.providers(group, resource).encrypt("k", b"v");
        let prefix = format!("k8s:enc:aesgcm:v1:{name}:");
        assert!(
            kept.unwrap().unwrap().starts_with(prefix.as_bytes()),
            "{group} {resource}"
        );
    }
}

#[test]
fn rules_that_name_it_alike_read_too() {
    let rule = |key: &str| format!("{{resources: [secrets], providers: [{key}]}}");
    let (new, old) = (keys(&[("new", KEY_1)]), keys(&[("old", KEY_2)]));
    let text = format!(
        "{{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{}, {}]}}",
        rule(&new),
        rule(&old)
    );
    let encryption = Encryption::parse(text.as_bytes()).unwrap();
    let kept = of(&old).encrypt("k", b"v").unwrap().unwrap();
    let read = encryption.providers("", "secrets").decrypt("k", &kept);
    assert!(read.unwrap().stale);
}

#[test]
fn what_is_made_first_encrypts_secrets_alone() {
    let text = Encryption::generate().unwrap();
    assert_ne!(text, Encryption::generate().unwrap());
    let encryption = Encryption::parse(text.as_bytes()).unwrap();
    let secrets = encryption.providers("", "secrets");
    assert!(secrets.encrypt("k", b"v").unwrap().is_some());
    assert!(secrets.decrypt("k", b"{}").unwrap().stale);
    let others = encryption.providers("", "configmaps");
    assert_eq!(others.encrypt("k", b"v"), Ok(None));
}

#[test]
fn what_is_wrong_is_told_without_the_secret() {
    let refused = |resources: &str| {
        let text = format!(
            "{{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{resources}]}}"
        );
        let error = Encryption::parse(text.as_bytes())
            .err()
            .unwrap()
            .to_string();
        error
            .strip_prefix("encryption configuration: ")
            .unwrap()
            .to_owned()
    };
    let provider = |provider: &str| {
        refused(&format!(
            "{{resources: [secrets], providers: [{provider}]}}"
        ))
    };
    let resource = |resource: &str| {
        refused(&format!(
            "{{resources: [{resource}], providers: [{IDENTITY}]}}"
        ))
    };
    assert_eq!(
        refused(""),
        "resources: Required value: at least one resource is required"
    );
    assert_eq!(
        provider("{aesgcm: {keys: [{name: a, secret: AAAA}]}}"),
        "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: \"REDACTED\": secret is not of the expected length, got 3, expected one of [16 32]"
    );
    assert_eq!(
        provider("{aesgcm: {keys: [{name: a, secret: '!'}]}}"),
        "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: \"REDACTED\": secrets must be base64 encoded"
    );
    assert_eq!(
        provider("{kms: {name: x}}"),
        "resources[0].providers[0].kms: Unsupported value: the providers here are aesgcm and identity"
    );
    assert!(provider("{}").contains("does not contain any of the expected providers"));
    assert!(provider("{identity: {}, aesgcm: {keys: []}}").contains("more than one provider"));
    assert!(resource("'*'").contains("use '*.'"));
    assert!(resource("secrets, secrets").contains("multiple times"));
    assert!(resource("secrets, '*.'").contains("will be masked"));
    assert!(resource("deployments.apps, '*.*'").contains("will be masked"));
    assert!(resource("'secrets.*'").contains("across groups"));
    assert!(resource("Secrets").contains("capital letters"));
    assert!(Encryption::parse(b"kind: Pod").is_err());
    assert!(Encryption::parse(b": :").is_err());
    let error = provider("{aesgcm: {keys: [dGhlIGtleSBpdHNlbGY=]}}");
    assert_eq!(error, "a field has a value of another type");
}
