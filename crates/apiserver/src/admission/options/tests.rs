use std::io::Write;

use super::*;

fn read(
    enabled: &[&str],
    disabled: &[&str],
    file: Option<&Path>,
) -> Result<AdmissionOptions, String> {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    AdmissionOptions::read(&names(enabled), &names(disabled), file)
        .map_err(|error| error.to_string())
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn plugins_are_on_and_off_as_they_are_in_kubernetes() {
    let options = read(&["AlwaysPullImages"], &["LimitRanger"], None).unwrap();
    let on = ["AlwaysPullImages", "ResourceQuota", "PodSecurity", ALWAYS];
    assert!(on.iter().all(|name| options.is_on(name)));
    let off = ["LimitRanger", "DenyServiceExternalIPs", "EventRateLimit"];
    assert!(!off.iter().any(|name| options.is_on(name)));
}

#[test]
fn names_that_cannot_be_meant_are_refused_in_kubernetes_words() {
    let refused = |enabled: &[&str], disabled: &[&str]| read(enabled, disabled, None).unwrap_err();
    assert_eq!(
        refused(&["Odd"], &[]),
        "enable-admission-plugins plugin \"Odd\" is unknown"
    );
    assert_eq!(
        refused(&[], &["Odd"]),
        "disable-admission-plugins plugin \"Odd\" is unknown"
    );
    let both = refused(&["LimitRanger"], &["LimitRanger"]);
    assert_eq!(
        both,
        "[LimitRanger] in enable-admission-plugins and disable-admission-plugins overlapped"
    );
    let absent = refused(&["PodNodeSelector"], &[]);
    assert_eq!(
        absent,
        "enable-admission-plugins plugin \"PodNodeSelector\" is not supported"
    );
    let silent = refused(&["EventRateLimit"], &[]);
    assert_eq!(
        silent,
        "couldn't init admission plugin \"EventRateLimit\": limits: Invalid value: null: must not be empty"
    );
}

#[test]
fn the_file_says_what_its_plugins_do() {
    let limits = written(
        "apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\nlimits:\n- {type: User, qps: 1, burst: 2}\n",
    );
    let file = written(&format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: EventRateLimit\n  path: {}\n\
         - name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    \
         kind: PodSecurityConfiguration\n    defaults: {{enforce: baseline, enforce-version: v1.30}}\n    \
         exemptions: {{namespaces: [kube-system], usernames: [root], runtimeClasses: [vm]}}\n",
        limits.path().display()
    ));
    let options = read(&["EventRateLimit"], &[], Some(file.path())).unwrap();
    assert_eq!(
        options.pod_security.defaults.enforce.to_string(),
        "baseline:v1.30"
    );
    assert_eq!(options.pod_security.namespaces, ["kube-system"]);
    assert!(options.is_on("EventRateLimit"));
}

#[test]
fn a_file_that_makes_no_sense_is_refused() {
    let refused = |text: &str| {
        let file = written(text);
        read(&[], &[], Some(file.path())).unwrap_err()
    };
    let kind = refused("apiVersion: v1\nkind: Pod\n");
    assert_eq!(kind, "no kind \"Pod\" is registered for version \"v1\"");
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n  configuration:\n    \
        apiVersion: pod-security.admission.config.k8s.io/v1\n    kind: PodSecurityConfiguration\n";
    let level = refused(&format!("{head}    defaults: {{enforce: odd}}\n"));
    assert_eq!(
        level,
        "couldn't init admission plugin \"PodSecurity\": defaults.enforce: Invalid value: \"odd\": must be one of privileged, \
         baseline, restricted"
    );
    let twice = refused(&format!("{head}    exemptions: {{usernames: [a, a]}}\n"));
    assert_eq!(
        twice,
        "couldn't init admission plugin \"PodSecurity\": exemptions.usernames[1]: Duplicate value: \"a\""
    );
    let missing = read(&[], &[], Some(Path::new("/nowhere"))).unwrap_err();
    assert!(
        missing.starts_with("unable to read admission control configuration from \"/nowhere\" [")
    );
}
