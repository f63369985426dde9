//! The interface whose packets a file has.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::libc;

mod request {
    use nix::libc;

    nix::ioctl_write_ptr_bad!(
        set_interface,
        nix::request_code_write!(b'T', 202, size_of::<libc::c_int>()),
        libc::ifreq
    );
    nix::ioctl_write_int_bad!(
        set_persistent,
        nix::request_code_write!(b'T', 203, size_of::<libc::c_int>())
    );
}

/// Opens the interface of this name, which is made where it is not there, and stays when the file is closed: with its routes, so that what goes
/// to other nodes' pods goes nowhere else meanwhile. Its index comes along.
#[expect(unsafe_code, reason = "ioctl")]
pub(super) fn open(name: &str) -> io::Result<(File, u32)> {
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
    let file = options.open("/dev/net/tun")?;
    // SAFETY: zero is a value of all of its fields.
    let mut asked: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last octet stays zero.
    let room = asked.ifr_name.len() - 1;
    for (octet, of_name) in asked.ifr_name.iter_mut().take(room).zip(name.bytes()) {
        *octet = of_name.cast_signed();
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    asked.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: the kernel reads the request, and writes the name into it, as long as the call lasts.
    unsafe { request::set_interface(file.as_raw_fd(), &raw const asked) }?;
    // SAFETY: the argument is a number.
    unsafe { request::set_persistent(file.as_raw_fd(), 1) }?;
    let index = nix::net::if_::if_nametoindex(name)?;
    Ok((file, index))
}
