//! Starts that cannot be: each ends soon, and says what is wrong and where.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::api_only::ApiOnly;
use crate::program::Program;

/// The longest that a command may take that has nothing to wait for.
const END: Duration = Duration::from_secs(30);

/// A command that has ended.
pub(crate) struct Ended {
    line: String,
    status: ExitStatus,
    output: String,
    errors: String,
}

impl Ended {
    /// It succeeded. Returns what it said.
    pub(crate) fn fine(self) -> String {
        assert!(self.status.success(), "{}: {}", self.line, self.errors);
        self.output
    }

    /// It failed, of its own will. Returns what it complained of.
    pub(crate) fn refused(self) -> String {
        let (line, errors) = (&self.line, &self.errors);
        assert!(!self.status.success(), "{line}: {}", self.output);
        assert!(!errors.contains("panicked"), "{line}: {errors}");
        let code = self.status.code();
        assert!(code.is_some(), "{line}: {}", self.status);
        self.errors
    }
}

/// Runs a command of the binary to its end, which must be soon.
pub(crate) fn navarch(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_navarch"))
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let line = arguments.join(" ");
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > END {
            let _ = child.kill();
            panic!("navarch {line} does not end");
        }
        #[allow(clippy::disallowed_methods, reason = "a test on a thread of its own")]
        std::thread::sleep(Duration::from_millis(10));
    };
    let (mut output, mut errors) = (String::new(), String::new());
    child.stdout.unwrap().read_to_string(&mut output).unwrap();
    child.stderr.unwrap().read_to_string(&mut errors).unwrap();
    Ended {
        line,
        status,
        output,
        errors,
    }
}

/// An API server on this data directory must be refused, with a complaint that holds all of `wanted`.
fn check(data: &Path, more: &[&str], wanted: &[&str]) {
    let mut arguments = vec!["server", "--components=api", "--https-port=0", "--data-dir"];
    arguments.push(data.to_str().unwrap());
    arguments.extend(more);
    let complaint = navarch(&arguments, &[]).refused();
    for part in wanted {
        assert!(complaint.contains(part), "no {part:?} in: {complaint}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_has_is_not_taken() {
    let api = ApiOnly::start().await;
    let data = api.data();
    let words = ["a cluster runs on the data directory", "/data already"];
    check(&data, &[], &words);
    let port = api.server.url.rsplit(':').next().unwrap();
    let other = tempfile::tempdir().unwrap();
    check(
        other.path(),
        &["--https-port", port],
        &["listen on 127.0.0.1:", port, "Address already in use"],
    );
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).display().to_string();
    let data = place.path().join("data");
    let (config, tokens) = (at("config"), at("tokens"));
    let configs = [
        ("https-prot: 1\n", "there is no flag --https-prot"),
        ("- https-port\n", "it must be a mapping of flags to values"),
        ("https-port: [1\n", "config"),
        (
            "https-port: many\n",
            "invalid value 'many' for '--https-port",
        ),
    ];
    for (text, wanted) in configs {
        std::fs::write(&config, text).unwrap();
        check(&data, &["--config", &config], &[wanted]);
    }
    check(
        &data,
        &["--config", "/nowhere"],
        &["config file /nowhere: No such file"],
    );
    check(&data, &["--service-cidr", "ten"], &["--service-cidr ten"]);
    check(&data, &["--cluster-cidr", "ten"], &["--cluster-cidr ten"]);
    let overlapping = ["--service-cidr", "10.244.7.0/24"];
    let words =
        "--service-cidr 10.244.7.0/24 and --cluster-cidr 10.244.0.0/16 have addresses in common";
    check(&data, &overlapping, &[words]);
    check(&data, &["--components", "etcd"], &["possible values: api"]);
    check(&data, &["--log", "loud=very"], &["--log", "loud=very"]);
    check(
        &data,
        &["--token-file", "/nowhere"],
        &["token file /nowhere"],
    );
    std::fs::write(&tokens, "only-a-token\n").unwrap();
    check(&data, &["--token-file", &tokens], &["token file", "line 1"]);
    let port = [("NAVARCH_HTTPS_PORT", "many")];
    let complaint = navarch(&["server", "--data-dir", &at("data")], &port).refused();
    assert!(complaint.contains("invalid value 'many'"), "{complaint}");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "").unwrap();
    check(&file, &[], &["data directory", "/file"]);
    check(
        &file.join("below"),
        &[],
        &["data directory", "Not a directory"],
    );
    check(
        Path::new("/proc/navarch"),
        &[],
        &["data directory /proc/navarch"],
    );
    let path = place.path().join("nothing");
    let nothing = path.to_str().unwrap();
    for command in [
        &["kubeconfig"][..],
        &["status"],
        &["down"],
        &["image", "list"],
        &["image", "remove", "a"],
    ] {
        let arguments = [command, &["--data-dir", nothing]].concat();
        let complaint = navarch(&arguments, &[]).refused();
        assert!(complaint.contains(nothing), "{command:?}: {complaint}");
        assert!(!path.exists(), "{command:?} made it");
    }
}

/// `up` on a data directory of its own must be refused, with a complaint that holds `wanted`. Returns the data directory.
fn refuse_up(more: &[&str], wanted: &str) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let up = ["up", "--https-port=0", "--bridge=nvtrefused", "--data-dir"];
    let arguments = [&up[..], &[data.path().to_str().unwrap()], more].concat();
    let complaint = navarch(&arguments, &[]).refused();
    assert!(complaint.contains(wanted), "no {wanted:?} in: {complaint}");
    data
}

#[test]
fn a_node_that_cannot_be_is_refused_before_anything_is_started() {
    for (more, wanted) in [
        (["--node-name", "A_b"], "\"A_b\" cannot be used"),
        (["--cluster-cidr", "ten"], "--cluster-cidr ten"),
        (["--cluster-cidr", "10.9.9.0/28"], "at least a /24"),
    ] {
        let data = refuse_up(&more, wanted);
        let made = std::fs::read_dir(data.path()).unwrap().count();
        assert_eq!(made, 0, "{more:?} comes to light late");
    }
}

#[test]
fn a_node_that_never_was_claims_nothing() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let range = [
        "--cluster-cidr",
        "10.129.0.0/16",
        "--service-cidr",
        "10.97.0.0/16",
        "--node-port",
        &port,
    ];
    let data = refuse_up(&range, "the node's API: listen on 127.0.0.1:");
    assert!(!data.path().join("host.json").exists());
    let owners = std::fs::read_dir("/run/navarch").into_iter().flatten();
    let names = owners.flatten().map(|entry| entry.file_name());
    let names: Vec<_> = names.map(|name| name.display().to_string()).collect();
    assert!(
        !names.iter().any(|name| name.starts_with("nvtrefused.")),
        "{names:?}"
    );
}

#[test]
fn only_its_owner_looks_into_a_data_directory() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let modes = || {
        run_on(&place);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        (mode(&data), mode(&data.join("store")))
    };
    assert_eq!(modes(), (0o700, 0o700));
    // As an older version made it.
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(modes(), (0o700, 0o700));
}

#[test]
fn flags_come_from_a_file_and_the_environment_too() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("config");
    let data = place.path().join("data").display().to_string();
    let text = format!("https-port: 0\ncomponents: [api]\ndata-dir: {data}\n");
    std::fs::write(&config, text).unwrap();
    let run = || {
        let arguments = ["server", "--config", config.to_str().unwrap()];
        Program::start(&arguments, "ready", &place.path().join("log"))
    };
    let program = run();
    let environment = [("NAVARCH_DATA_DIR", data.as_str())];
    let kubeconfig = navarch(&["kubeconfig"], &environment).fine();
    let file = std::fs::read_to_string(Path::new(&data).join("admin.kubeconfig")).unwrap();
    assert_eq!(kubeconfig, file);
    assert!(
        kubeconfig.starts_with("apiVersion: v1\nclusters:\n"),
        "{kubeconfig}"
    );
    assert!(kubeconfig.contains("https://127.0.0.1:"));
    let status = navarch(&["status"], &environment).fine();
    assert!(status.starts_with("API    answers, revision "), "{status}");
    drop(program);
    let complaint = navarch(&["status"], &environment).refused();
    assert!(
        complaint.contains("is `navarch up` running?"),
        "{complaint}"
    );
}

/// A data directory in which a server ran.
fn used() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    run_on(&place);
    place
}

fn run_on(place: &TempDir) {
    let data = place.path().join("data").display().to_string();
    let arguments = [
        "server",
        "--components=api",
        "--https-port=0",
        "--data-dir",
        &data,
    ];
    drop(Program::start(
        &arguments,
        "ready",
        &place.path().join("log"),
    ));
}

#[test]
fn damaged_files_are_named_and_certificates_made_anew() {
    let place = used();
    let data = place.path().join("data");
    // What can be made again is.
    for name in [
        "apiserver.crt",
        "apiserver.key",
        "admin.crt",
        "apiserver-kubelet-client.key",
    ] {
        std::fs::write(data.join("pki").join(name), "rubbish").unwrap();
        run_on(&place);
    }
    // What others trust cannot.
    for name in ["ca.crt", "ca.key", "sa.key"] {
        let path = data.join("pki").join(name);
        let right = std::fs::read(&path).unwrap();
        std::fs::write(&path, "rubbish").unwrap();
        check(&data, &[], &["certificates", path.to_str().unwrap()]);
        std::fs::write(&path, right).unwrap();
    }
    run_on(&place);
    let mut files = Vec::new();
    below(&data.join("store/rows"), &mut files);
    // Beside them lie what older versions of the tree were, and the journal, of which a torn end is no damage.
    files.retain(|path| {
        path.ends_with("version")
            || path.ends_with("current")
            || path.parent().is_some_and(|p| p.ends_with("tables"))
    });
    assert!(files.len() > 2, "{files:?}");
    for path in files {
        let right = std::fs::read(&path).unwrap();
        std::fs::write(&path, vec![0x5a; right.len()]).unwrap();
        check(&data, &[], &["store in"]);
        std::fs::write(&path, right).unwrap();
    }
    run_on(&place);
}

fn below(directory: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            below(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn labels_and_taints_that_no_node_gives_itself_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let agent = ["agent", "--server=https://127.0.0.1:1", "--data-dir", &data];
    let refused = |flag: &str| navarch(&[&agent[..], &[flag]].concat(), &[]).refused();
    let why = refused("--node-labels=a=b,node-role.kubernetes.io/worker=");
    let words = "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [node-role.kubernetes.io/worker]";
    assert!(why.contains(words), "{why}");
    let why = refused("--register-with-taints=a=b");
    assert!(why.contains("invalid taint spec: a=b"), "{why}");
}
