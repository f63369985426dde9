//! Network, UTS and IPC namespaces.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::{NAMESPACES, SHM};
use crate::shim::SandboxSetup;

/// Bytes of a pod's shared memory, as containerd sets it.
const SHM_SIZE: &str = "mode=1777,size=67108864";

/// The name of a pin and of the link in `/proc/PID/ns`.
pub type Pinned = &'static str;

/// Moves the shim, which has one thread, into the pod's namespaces: containers are its children and are born there. Pinned is only
/// what others must find: the network, which the node connects.
pub(super) fn make(setup: &SandboxSetup) -> io::Result<()> {
    std::fs::create_dir_all(NAMESPACES)?;
    let mut flags = CloneFlags::empty();
    if setup.network {
        flags |= CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS;
    }
    if setup.ipc {
        flags |= CloneFlags::CLONE_NEWIPC;
    }
    if flags.is_empty() {
        return Ok(());
    }
    unshare(flags)?;
    configure(setup)?;
    if setup.network {
        pin(nix::unistd::getpid().as_raw(), "net")?;
    }
    Ok(())
}

/// Binds a namespace of a process to a file.
pub(super) fn pin(pid: i32, name: Pinned) -> io::Result<()> {
    let target = Path::new(NAMESPACES).join(name);
    File::create(&target)?;
    let none: Option<&str> = None;
    mount(
        Some(format!("/proc/{pid}/ns/{name}").as_str()),
        &target,
        none,
        MsFlags::MS_BIND,
        none,
    )?;
    Ok(())
}

/// Undoes all mounts of the sandbox in `directory`, also those of earlier versions of this program. Idempotent.
pub fn unpin(directory: &Path) -> io::Result<()> {
    for name in ["net", "uts", "ipc", "pid"] {
        let pin = directory.join(NAMESPACES).join(name);
        unmount(&pin)?;
        // Whoever is told of it must not take a file for a namespace.
        match std::fs::remove_file(&pin) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    unmount(&directory.join(SHM))
}

fn unmount(target: &Path) -> io::Result<()> {
    match umount2(target, MntFlags::MNT_DETACH) {
        // Not there, or not a mount.
        Ok(()) | Err(nix::Error::ENOENT | nix::Error::EINVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The memory file system behind the pod's `/dev/shm`.
pub(super) fn mount_shm() -> io::Result<()> {
    std::fs::create_dir_all(SHM)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("shm"), SHM, Some("tmpfs"), flags, Some(SHM_SIZE))?;
    Ok(())
}

/// In the new namespaces.
fn configure(setup: &SandboxSetup) -> io::Result<()> {
    if setup.network {
        nix::unistd::sethostname(&setup.hostname)?;
    }
    for (name, value) in &setup.sysctls {
        let path = sysctl_path(name, setup)?;
        std::fs::write(format!("/proc/sys/{path}"), value).map_err(|error| {
            io::Error::new(error.kind(), format!("set sysctl {name}={value}: {error}"))
        })?;
    }
    Ok(())
}

/// The file of a parameter below `/proc/sys`. Refused where the pod has none of its own: the host's would be set.
fn sysctl_path(name: &str, setup: &SandboxSetup) -> io::Result<String> {
    // Dots and slashes change places where a slash is given, as sysctl(8) has it.
    let path = if name.contains('/') {
        name.to_owned()
    } else {
        name.replace('.', "/")
    };
    let own = if path.starts_with("net/") {
        setup.network
    } else {
        let of_ipc = ["kernel/shm", "kernel/msg", "fs/mqueue/"];
        setup.ipc && (path == "kernel/sem" || of_ipc.iter().any(|begin| path.starts_with(begin)))
    };
    if own && !path.split('/').any(|part| part == "..") {
        return Ok(path);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("sysctl {name:?} is not the pod's own to set"),
    ))
}

/// Sets the loopback interface of the shim's network namespace up. Waits for whoever changes interfaces of the host, which takes
/// milliseconds where a pod's network is being removed.
pub(super) fn raise_loopback() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0))?;
    // SAFETY: all zeroes is a valid value of this plain structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l'.cast_signed();
    request.ifr_name[1] = b'o'.cast_signed();
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(0);
    // SAFETY: the socket is open and `request` is a whole `ifreq` that lives through the call.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameters_of_the_pods_own_namespaces_are_set() {
        let setup = |network, ipc| SandboxSetup {
            hostname: String::new(),
            network,
            ipc,
            shared_pid: false,
            sysctls: Default::default(),
            hierarchy: crate::cgroup::Hierarchy::Unified("/x".into()),
            shim_cgroup: "x".into(),
        };
        let own = setup(true, true);
        assert_eq!(
            sysctl_path("net.core.somaxconn", &own).unwrap(),
            "net/core/somaxconn"
        );
        assert_eq!(sysctl_path("kernel.shmmax", &own).unwrap(), "kernel/shmmax");
        assert_eq!(
            sysctl_path("net/ipv4/conf/eth0.1/forwarding", &own).unwrap(),
            "net/ipv4/conf/eth0.1/forwarding"
        );
        for name in [
            "kernel.core_pattern",
            "vm.swappiness",
            "net/../kernel/core_pattern",
            "kernel/shm/../core_pattern",
            "kernel.sem.x",
        ] {
            assert!(sysctl_path(name, &own).is_err(), "{name}");
        }
        assert!(sysctl_path("net.core.somaxconn", &setup(false, true)).is_err());
        assert!(sysctl_path("kernel.shmmax", &setup(true, false)).is_err());
    }
}
