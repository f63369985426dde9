//! Images from a real registry: when they are pulled, by whom, and what kubectl shows when they are not.

mod server;

use crate::cluster::{Cluster, Kubectl};
use server::{PASSWORD, Registry, USER};

#[test]
fn images_come_from_a_registry() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    let [first, second] = cluster.archives();
    let registry = Registry::open();
    let name = |rest: &str| format!("{}/team/web{rest}", registry.name);
    let old = registry.push(&first, "team/web:v1");
    let by_digest = name(&format!("@{old}"));

    pod(&kubectl, "never", &name(":v1"), "Never", "");
    waits(
        &kubectl,
        "never",
        "ErrImageNeverPull",
        "is not present with pull policy of Never",
    );
    pod(&kubectl, "first", &name(":v1"), "IfNotPresent", "");
    runs(&kubectl, "first", "page of busybox:test");
    told(&kubectl, "first", "Successfully pulled image");
    let id = kubectl.path("pod/first", "{.status.containerStatuses[0].imageID}");
    assert_eq!(id, by_digest);
    pod(&kubectl, "present", &name(":v1"), "IfNotPresent", "");
    runs(&kubectl, "present", "page of busybox:test");
    told(&kubectl, "present", "already present on machine");

    // The tag moves: who asks again sees it, who does not need to ask does not.
    let new = registry.push(&second, "team/web:v1");
    assert_ne!(old, new);
    pod(&kubectl, "kept", &name(":v1"), "IfNotPresent", "");
    runs(&kubectl, "kept", "page of busybox:test");
    pod(&kubectl, "asked", &name(":v1"), "Always", "");
    runs(&kubectl, "asked", "page of busybox:other");
    pod(&kubectl, "digest", &by_digest, "IfNotPresent", "");
    runs(&kubectl, "digest", "page of busybox:test");
    pod(&kubectl, "digest-never", &by_digest, "Never", "");
    runs(&kubectl, "digest-never", "page of busybox:test");

    let wrong = name(&format!("@sha256:{}", "0".repeat(64)));
    pod(&kubectl, "wrong", &wrong, "IfNotPresent", "");
    waits(&kubectl, "wrong", "ImagePullBackOff", "manifest unknown");
    pod(&kubectl, "late", &name(":late"), "IfNotPresent", "");
    waits(&kubectl, "late", "ErrImagePull", "manifest unknown");
    waits(
        &kubectl,
        "late",
        "ImagePullBackOff",
        "Back-off pulling image",
    );
    told(&kubectl, "late", "Back-off pulling image");
    registry.push(&second, "team/web:late");
    runs(&kubectl, "late", "page of busybox:other");

    drop(registry);
    pod(&kubectl, "unreachable", &by_digest, "Always", "");
    waits(
        &kubectl,
        "unreachable",
        "ImagePullBackOff",
        "Connection refused",
    );
}

#[test]
fn a_private_registry_wants_the_pods_secret() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    let [first, _] = cluster.archives();
    let registry = Registry::private();
    registry.push(&first, "team/web:v1");
    let image = format!("{}/team/web:v1", registry.name);
    let secret = |name: &str, password: &str| {
        let server = &registry.name;
        kubectl.ok(&format!(
            "create secret docker-registry {name} --docker-server={server} --docker-username={USER} --docker-password={password}"
        ));
    };
    secret("right", PASSWORD);
    secret("wrong", "guessed");

    pod(&kubectl, "stranger", &image, "Always", "");
    waits(&kubectl, "stranger", "ImagePullBackOff", "Not authorized");
    pod(&kubectl, "guesser", &image, "Always", "wrong");
    waits(&kubectl, "guesser", "ImagePullBackOff", "Not authorized");
    pod(&kubectl, "forgetful", &image, "Always", "missing");
    waits(&kubectl, "forgetful", "ImagePullBackOff", "Not authorized");
    told(
        &kubectl,
        "forgetful",
        "Unable to retrieve some image pull secrets (missing)",
    );
    pod(&kubectl, "friend", &image, "Always", "right");
    runs(&kubectl, "friend", "page of busybox:test");
    // A service account's secrets are its pods' too.
    kubectl.ok(r#"patch serviceaccount default -p '{"imagePullSecrets":[{"name":"right"}]}'"#);
    pod(&kubectl, "account", &image, "Always", "");
    runs(&kubectl, "account", "page of busybox:test");
}

fn pod(kubectl: &Kubectl, name: &str, image: &str, policy: &str, secret: &str) {
    let secrets = match secret {
        "" => String::new(),
        name => format!("imagePullSecrets: [{{name: {name}}}]"),
    };
    kubectl.apply(&format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  {secrets}
  containers:
  - {{name: main, image: '{image}', imagePullPolicy: {policy}, command: [sleep, '3600']}}
"
    ));
}

/// The pod runs, with the image that has this page.
fn runs(kubectl: &Kubectl, pod: &str, page: &str) {
    kubectl.wait(&format!("pod/{pod}"), "condition=Ready");
    let seen = kubectl.ok(&format!("exec {pod} -- cat /www/index.html"));
    assert_eq!(seen.trim(), page, "{pod}");
}

/// The pod waits for this reason, and says why.
fn waits(kubectl: &Kubectl, pod: &str, reason: &str, why: &str) {
    let field = |name: &str| format!("{{.status.containerStatuses[0].state.waiting.{name}}}");
    kubectl.wait_for(&format!("pod/{pod}"), &field("reason"), reason);
    let message = kubectl.path(&format!("pod/{pod}"), &field("message"));
    // A moment later it may have tried again; then it says so in its other reason.
    assert!(message.contains(why), "{pod}: {message}");
    let phase = kubectl.path(&format!("pod/{pod}"), "{.status.phase}");
    assert_eq!(phase, "Pending");
}

/// An event of the pod says this.
fn told(kubectl: &Kubectl, pod: &str, text: &str) {
    let selector = format!("involvedObject.name={pod}");
    let mut watch = kubectl.talk(&format!(
        "get events -w --field-selector {selector} -o custom-columns=MESSAGE:.message"
    ));
    watch.line_with(text);
}
