//! What plugins are as programs.

use std::process::Command as Begun;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::super::invocation::{Order, invoke};
use super::super::program::run;
use super::*;

const SOON: Duration = Duration::from_secs(20);

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn one_that_takes_too_long_ends_with_all_that_it_has_begun() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("pids");
    let begin = "for it in $(seq 50); do sleep 1000 & echo $!; done";
    let script = format!("{begin} > {}; wait", file.display());
    let error = run(sh(&script), Vec::new(), Duration::from_millis(500))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no answer after 500ms");
    // At once: what comes next is not done beside them.
    let begun = fs::read_to_string(file).unwrap();
    assert_eq!(begun.lines().count(), 50);
    let left = begun.lines().filter(|pid| is_alive(pid));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn one_that_leaves_a_daemon_has_answered_all_the_same() {
    let start = Instant::now();
    let ended = run(sh("sleep 1000 & echo $!"), Vec::new(), SOON)
        .await
        .unwrap();
    assert!(start.elapsed() < SOON / 2 && ended.status.success());
    let daemon = String::from_utf8(ended.said).unwrap();
    assert!(is_alive(&daemon), "it is meant to stay");
    let pid = nix::unistd::Pid::from_raw(daemon.trim().parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn much_is_said_both_ways_and_too_much_is_forgotten() {
    let (mega, input) = (1 << 20, vec![b'i'; 300 << 10]);
    let script =
        "head -c 300000 /dev/zero; wc -c; head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero";
    let ended = run(sh(script), input, SOON).await.unwrap();
    assert_eq!(ended.said.len(), mega);
    assert_eq!(&ended.said[300_000..300_006], b"307200");
    assert!(ended.complained.len() < mega);
}

#[tokio::test]
async fn they_see_only_what_is_theirs_of_this_program_s_environment() {
    let host = Host::new();
    host.configure("pods.json");
    // One of that name that is no program is passed over.
    fs::create_dir(host.path("before")).unwrap();
    host.write("before/first", "");
    let programs = vec![host.path("before"), host.path("")];
    let network = CniNetwork::new(CniConfig {
        programs,
        ..host.config()
    });
    network.attach("abc", own(), pod()).await.unwrap();
    let seen = host.read("environment");
    let names = seen
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name);
    // What the shell itself sets.
    let own_of_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let others: Vec<_> = names.filter(|name| !own_of_shell.contains(name)).collect();
    assert!(others.contains(&"PATH") && others.contains(&"CNI_COMMAND"));
    let is_theirs = |name: &&str| {
        *name == "PATH" || name.starts_with("CNI_") || name.to_lowercase().ends_with("_proxy")
    };
    assert!(others.iter().all(is_theirs), "{others:?}");
    assert!(!std::env::vars().all(|(name, _)| is_theirs(&name.as_str())));
}

#[tokio::test]
async fn those_that_can_be_asked_say_whether_they_are_ready() {
    let host = Host::new();
    host.configure("pods.json");
    host.write("refuse-second-STATUS", "");
    let network = host.network();
    network.ready().await.unwrap();
    assert_eq!(host.told().len(), 0, "of 1.0.0 nobody is asked");
    let newer = host.read("net.d/pods.json").replace(
        r#""cniVersion":"1.0.0""#,
        r#""cniVersion":"1.0.0","cniVersions":["0.4.0","1.1.0","7.0.0"]"#,
    );
    host.write("net.d/pods.json", &newer);
    let why = network.ready().await.unwrap_err().to_string();
    assert_eq!(
        why,
        "plugin type=\"second\" failed (status): not now; later"
    );
    assert!(
        host.told()[0].starts_with("first STATUS   none "),
        "{:?}",
        host.told()
    );
    assert!(host.read("input").contains(r#""cniVersion":"1.1.0""#));
    fs::remove_file(host.path("refuse-second-STATUS")).unwrap();
    network.ready().await.unwrap();
}

#[tokio::test]
async fn what_an_earlier_process_has_begun_ends_before_it_is_undone() {
    let host = Host::new();
    host.configure("pods.json");
    let network = host.network();
    network.attach("orphaned", own(), pod()).await.unwrap();
    let mut record: Value = serde_json::from_str(&host.read("state/orphaned.json")).unwrap();
    record["result"] = Value::Null;
    host.write("state/orphaned.json", &record.to_string());
    let mut orphan = Begun::new("sleep");
    let orphan = orphan
        .arg("1000")
        .env("CNI_CONTAINERID", "orphaned")
        .spawn();
    let mut orphan = orphan.unwrap();
    let mut another = Begun::new("sleep");
    let another = another
        .arg("1000")
        .env("CNI_CONTAINERID", "orphaned2")
        .spawn();
    let mut another = another.unwrap();
    network.detach("orphaned").await.unwrap();
    assert!(orphan.try_wait().unwrap().is_some(), "it would go on");
    assert!(another.try_wait().unwrap().is_none());
    another.kill().unwrap();
    another.wait().unwrap();
}

/// It would forget the next pods: it was not told of them.
#[tokio::test]
async fn what_an_earlier_process_has_told_to_forget_ends_before_a_pod_is_connected() {
    let host = Host::new();
    host.configure("pods.json");
    let begun = |of: std::path::PathBuf| {
        let mut begun = Begun::new("sleep");
        let begun = begun.arg("1000").env("NAVARCH_CNI_STATE", of);
        begun.spawn().unwrap()
    };
    let mut leftover = begun(host.path("state"));
    let mut another = begun(host.path("state2"));
    host.network().attach("abc", own(), pod()).await.unwrap();
    assert!(leftover.try_wait().unwrap().is_some(), "it would go on");
    assert!(another.try_wait().unwrap().is_none());
    another.kill().unwrap();
    another.wait().unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let plugin = json!({"type": "none"});
    let plugin = plugin.as_object().unwrap();
    let none = invoke(&["/nowhere".into()], Order::Status, plugin, &Value::Null).await;
    assert!(matches!(none, Err(CniError::NoPlugin { .. })), "{none:?}");
}
