//! kubectl as a person types it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use super::Terminal;

/// kubectl, for one cluster.
pub(crate) struct Kubectl {
    program: String,
    kubeconfig: PathBuf,
    /// The network namespace that it runs in, if not the test's own.
    netns: Option<PathBuf>,
}

/// `make test` names one; a tester who calls cargo may have one on the PATH.
fn program() -> String {
    std::env::var("NAVARCH_TEST_KUBECTL").unwrap_or_else(|_| "kubectl".into())
}

impl Kubectl {
    /// # Panics
    /// Where there is none: a suite that passes over what people do first proves too little.
    pub(super) fn new(kubeconfig: PathBuf) -> Self {
        let program = program();
        let asked = Command::new(&program)
            .args(["version", "--client"])
            .output();
        let there = asked.is_ok_and(|output| output.status.success());
        assert!(there, "there is no kubectl, which `make test` provides");
        Self {
            program,
            kubeconfig,
            netns: None,
        }
    }

    /// One that is elsewhere.
    pub(crate) fn within(kubeconfig: PathBuf, netns: PathBuf) -> Self {
        Self {
            netns: Some(netns),
            ..Self::new(kubeconfig)
        }
    }

    /// The command of `line`, whose words are parted by spaces; a word in single quotes may hold some.
    fn command(&self, line: &str) -> Command {
        let mut command = match &self.netns {
            Some(netns) => within(netns, &self.program),
            None => Command::new(&self.program),
        };
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .args(words(line));
        command
    }

    /// Runs `kubectl LINE`. `input` is its standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Output {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that ends without reading its input is none of ours to judge here.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs `kubectl LINE`, which must succeed. Returns what it prints.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.ok_with(line, "")
    }

    /// Runs `kubectl LINE` with this input; it must succeed. Returns what it prints.
    pub(crate) fn ok_with(&self, line: &str, input: &str) -> String {
        let output = self.run_with(line, input);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let events = self.run_with("get events -A", "");
            let events = String::from_utf8_lossy(&events.stdout).into_owned();
            panic!(
                "kubectl {line}: {}\n{text}{errors}\nevents:\n{events}",
                output.status
            );
        }
        text
    }

    /// Runs `kubectl LINE`, which must fail. Returns its exit code and its complaint.
    pub(crate) fn fails(&self, line: &str) -> (i32, String) {
        self.fails_with(line, "")
    }

    /// Runs `kubectl LINE` with this input; it must fail. Returns its exit code and its complaint.
    pub(crate) fn fails_with(&self, line: &str, input: &str) -> (i32, String) {
        let output = self.run_with(line, input);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success(),
            "kubectl {line} should have failed"
        );
        (output.status.code().unwrap_or(-1), errors)
    }

    /// Applies a manifest.
    pub(crate) fn apply(&self, manifest: &str) -> String {
        self.ok_with("apply -f -", manifest)
    }

    /// `kubectl get WHAT` with this JSONPath.
    pub(crate) fn path(&self, what: &str, path: &str) -> String {
        self.ok(&format!("get {what} -o 'jsonpath={path}'"))
    }

    /// Waits until the JSONPath has the value.
    pub(crate) fn wait_for(&self, what: &str, path: &str, value: &str) {
        self.ok(&format!(
            "wait {what} '--for=jsonpath={path}={value}' --timeout=90s"
        ));
    }

    /// Waits for a condition, or `delete`, or `create`.
    pub(crate) fn wait(&self, what: &str, wanted: &str) {
        self.ok(&format!("wait {what} --for={wanted} --timeout=90s"));
    }

    /// Runs `kubectl edit WHAT` with an editor that does what this expression of sed's says.
    /// It must succeed; what it said on standard output and standard error.
    pub(crate) fn edit(&self, what: &str, expression: &str) -> (String, String) {
        let mut command = self.command(&format!("edit {what}"));
        command.env("KUBE_EDITOR", format!("sed -i -e {expression}"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "kubectl edit {what}: {errors}");
        (said, errors)
    }

    /// Starts `kubectl LINE` at a terminal.
    pub(crate) fn terminal(&self, line: &str) -> Terminal {
        Terminal::start(&self.command(line))
    }

    /// Starts `kubectl LINE` and reads its lines as they come.
    pub(crate) fn talk(&self, line: &str) -> Talk {
        let mut child = self
            .command(line)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Talk { child, lines }
    }
}

/// A program that is to run in this network namespace, and is the process that is started.
pub(crate) fn within(netns: &Path, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net={}", netns.display()))
        .arg(program);
    command
}

/// A kubectl that goes on until this is dropped.
pub(crate) struct Talk {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    /// The next line that holds `text`. The suite's own limit is what bounds the wait.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        for line in self.lines.by_ref().map_while(Result::ok) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("kubectl ended without saying {text:?}: {seen:#?}");
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
