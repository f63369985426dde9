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

const KEY_32: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// `openssl enc -aes-256-cbc` with the first block 00 01 … 0f.
const CBC_SEALED: &str = "AAECAwQFBgcICQoLDA0OD8LTxvj6l7ubgVjb+2UHAcaYjY7/g2CVI76VFhTZpMUX";
/// By a reference that gives NaCl's own answers, with the nonce 00 01 … 17.
const BOX_SEALED: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX0PrNtGlcs7AazMzcnBSoJtQrcIU5lJ35uSkzG0k8VEEMY5eaWoqzqg==";

/// The same of another kind of encryption.
fn keys_of(kind: &str, named: &[(&str, &str)]) -> String {
    keys(named).replace("aesgcm", kind)
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
fn each_kind_reads_what_it_wrote_and_says_who_wrote_it() {
    for (kind, key) in [
        ("aesgcm", KEY_1),
        ("aesgcm", KEY_32),
        ("aescbc", KEY_1),
        ("aescbc", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"),
        ("aescbc", KEY_32),
        ("secretbox", KEY_32),
    ] {
        let providers = of(&keys_of(kind, &[("a", key)]));
        for value in [&b""[..], b"plain", &[7; 16], &[7; 1000]] {
            let kept = providers.encrypt("secrets/x/y", value).unwrap().unwrap();
            let prefix = format!("k8s:enc:{kind}:v1:a:");
            assert!(kept.starts_with(prefix.as_bytes()));
            assert!(value.len() < 5 || !kept.windows(5).any(|window| window == &value[..5]));
            let again = providers.encrypt("secrets/x/y", value).unwrap().unwrap();
            assert_ne!(kept, again, "{kind}");
            let read = providers.decrypt("secrets/x/y", &kept).unwrap();
            let value = Some(value.to_vec());
            assert_eq!(
                read,
                Decrypted {
                    value,
                    stale: false
                },
                "{kind}"
            );
            for length in prefix.len()..kept.len().min(prefix.len() + 24) {
                let cut = providers.decrypt("secrets/x/y", &kept[..length]);
                assert_eq!(cut, Err(EncryptionError::Unauthentic), "{kind} {length}");
            }
        }
    }
}

/// By other programs, and so by Kubernetes.
#[test]
fn what_others_have_written_is_read() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    for (kind, sealed) in [("aescbc", CBC_SEALED), ("secretbox", BOX_SEALED)] {
        let mut kept = format!("k8s:enc:{kind}:v1:a:").into_bytes();
        kept.extend(STANDARD.decode(sealed).unwrap());
        let read = of(&keys_of(kind, &[("a", KEY_32)])).decrypt("k", &kept);
        assert_eq!(
            read.unwrap().value.unwrap(),
            b"what others have written",
            "{kind}"
        );
    }
}

#[test]
fn a_kind_gives_way_to_another() {
    let old = of(&keys_of("aescbc", &[("a", KEY_32)]));
    let kept = old.encrypt("k", b"v").unwrap().unwrap();
    let new = keys_of("secretbox", &[("a", KEY_32)]);
    let both = of(&format!("{new}, {}", keys_of("aescbc", &[("a", KEY_32)])));
    assert!(both.decrypt("k", &kept).unwrap().stale);
    let anew = both.encrypt("k", b"v").unwrap().unwrap();
    assert!(anew.starts_with(b"k8s:enc:secretbox:v1:a:"));
    assert!(!of(&new).decrypt("k", &anew).unwrap().stale);
}

/// The store goes by it: nothing is left of what lay there in another way.
#[test]
fn how_values_are_written_is_told_without_the_keys() {
    let told = |providers: &str| {
        let text = format!(
            "{{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, \
             resources: [{{resources: [secrets], providers: [{providers}]}}]}}"
        );
        Encryption::parse(text.as_bytes()).unwrap().to_string()
    };
    let (one, two) = (keys(&[("a", KEY_1)]), keys(&[("b", KEY_2), ("a", KEY_1)]));
    assert_eq!(told(&one), "secrets k8s:enc:aesgcm:v1:a:\n");
    assert_eq!(told(&two), "secrets k8s:enc:aesgcm:v1:b:\n");
    assert_eq!(told(&format!("{one}, {IDENTITY}")), told(&one));
    assert_eq!(told(&format!("{IDENTITY}, {one}")), "secrets \n");
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
fn a_key_that_proves_nothing_reads_no_value_of_another_with_its_name() {
    const OTHER: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let old = of(&keys_of("aescbc", &[("a", KEY_32)]));
    let both = of(&keys_of("aescbc", &[("a", OTHER), ("a", KEY_32)]));
    for number in 0..2000 {
        let value = format!("{{\"number\":{number}}}");
        let kept = old.encrypt("c", value.as_bytes()).unwrap().unwrap();
        let read = both.decrypt("c", &kept).unwrap().value.unwrap();
        assert_eq!(read, value.as_bytes());
    }
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
        "resources[0].providers[0].kms: Unsupported value: the providers here are aesgcm, aescbc, secretbox and identity"
    );
    assert_eq!(
        provider(&keys_of("secretbox", &[("a", KEY_1)])),
        "resources[0].providers[0].secretbox.keys[0].secret: Invalid value: \"REDACTED\": secret is not of the expected length, got 16, expected one of [32]"
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
