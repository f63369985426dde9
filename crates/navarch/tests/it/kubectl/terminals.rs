//! What a person does at a terminal: a shell in a container, a window that changes its size, Ctrl-C.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Kubectl, Terminal};

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:test, command: [sleep, '3600']}
---
apiVersion: v1
kind: Pod
metadata: {name: terminal}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:test, command: [sh], stdin: true, tty: true}
";

/// How long a change of size may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_terminal_reaches_into_a_container() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(PODS);
    kubectl.wait("pod/a", "condition=Ready");
    exec(&kubectl);
    kubectl.wait("pod/terminal", "condition=Ready");
    attach(&kubectl);
    run(&kubectl);
}

fn exec(kubectl: &Kubectl) {
    let mut shell = kubectl.terminal("exec -it a -- sh");
    // Arithmetic, so that what is waited for is the answer and not the echo of the keys.
    shell.types("echo here-$((40+2)); tty\n");
    shell.shows("here-42");
    shell.shows("/dev/pts/");
    has_size(&mut shell, "24 80");
    shell.resize(50, 133);
    has_size(&mut shell, "50 133");
    // Only when the first word is said is the terminal the command's and Ctrl-C a signal.
    shell.types("echo run-$((2+2)); sleep 1000; echo slept-$((1+1))\n");
    shell.shows("run-4");
    shell.types("\x03");
    shell.types("echo again-$((3+4))\n");
    let before = shell.shows("again-7");
    assert!(!before.contains("slept-2"), "{before}");
    shell.types("exit 7\n");
    let (status, text) = shell.ends();
    assert_eq!(status.code(), Some(7), "{text}");
}

fn has_size(shell: &mut Terminal, wanted: &str) {
    let start = Instant::now();
    loop {
        shell.types("echo size $(stty size) end-$((1+0))\n");
        let text = shell.shows("end-1");
        if text.contains(&format!("size {wanted} ")) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "not {wanted}: {text}");
        #[allow(clippy::disallowed_methods, reason = "a test on a thread of its own")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn attach(kubectl: &Kubectl) {
    let mut shell = kubectl.terminal("attach -it terminal");
    shell.types("echo attached-$((5*5))\n");
    shell.shows("attached-25");
    has_size(&mut shell, "24 80");
    drop(shell);
    // The shell is the container's own and goes on; it knows what it was told before.
    let mut shell = kubectl.terminal("attach -it terminal");
    shell.types("echo still-$((6*6)) $PPID\n");
    shell.shows("still-36 0");
    shell.types("exit\n");
    shell.ends();
    kubectl.wait_for(
        "pod/terminal",
        "{.status.containerStatuses[0].restartCount}",
        "1",
    );
}

fn run(kubectl: &Kubectl) {
    let mut shell =
        kubectl.terminal("run visitor --rm -it --image=busybox:test --restart=Never -- sh");
    shell.types("echo visiting-$((7*7))\n");
    shell.shows("visiting-49");
    shell.types("exit\n");
    let (status, text) = shell.ends();
    assert!(status.success(), "{text}");
    assert!(text.contains(r#"pod "visitor" deleted"#), "{text}");
    assert_eq!(kubectl.ok("get pod visitor --ignore-not-found"), "");
    let output = kubectl.ok_with(
        "run reader --rm -i --quiet --image=busybox:test --restart=Never -- cat",
        "through the pod\n",
    );
    assert!(output.contains("through the pod\n"), "{output}");
}
