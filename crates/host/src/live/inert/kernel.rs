//! The two calls of the kernel that no library spells out: a filter over what a child may call, and the questions that
//! come from it.

#![allow(
    unsafe_code,
    reason = "seccomp(2) and its ioctls take pointers to plain structs, and code between fork and exec is unsafe by nature"
)]

use super::reply::{Call, Reply};
use libc::{
    SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_IOCTL_NOTIF_ADDFD, SECCOMP_IOCTL_NOTIF_RECV,
    SECCOMP_IOCTL_NOTIF_SEND, SECCOMP_SET_MODE_FILTER, SECCOMP_USER_NOTIF_FLAG_CONTINUE, seccomp_notif,
    seccomp_notif_addfd, seccomp_notif_resp, sock_filter, sock_fprog,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
};

/// The command's process puts the filter over itself before it becomes the program, and sends us its questions' end.
pub(super) fn filtered(command: &mut Command, program: Vec<sock_filter>, to: OwnedFd) {
    let begin = move || send(&to, &install(&program)?);
    // SAFETY: between fork and exec it makes system calls only, and uses no heap: the program was made before.
    unsafe { command.pre_exec(begin) };
}

/// A filter needs privilege, or the promise never to gain any by exec.
fn install(program: &[sock_filter]) -> io::Result<OwnedFd> {
    let program = sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_ptr().cast_mut(),
    };
    let begin = || {
        // SAFETY: the kernel copies the program, which outlives the call, and writes nothing.
        unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                SECCOMP_SET_MODE_FILTER,
                SECCOMP_FILTER_FLAG_NEW_LISTENER,
                &raw const program,
            )
        }
    };
    let mut listener = begin();
    if listener < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EACCES) {
        rustix::thread::set_no_new_privs(true)?;
        listener = begin();
    }
    match i32::try_from(listener) {
        // SAFETY: the kernel just made it for us.
        Ok(listener) if listener >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(listener) }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn send(to: &OwnedFd, listener: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sent = [listener.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&sent));
    sendmsg(to, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// What the command's process sent.
pub(super) fn receive(from: &OwnedFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    // it was sent before the program began: it is there, or never comes
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
    let sent = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sent) => sent.next(),
        _ => None,
    });
    sent.ok_or_else(|| io::ErrorKind::NotConnected.into())
}

/// The next question; `None` where who asked is gone meanwhile. An error is the end.
pub(super) fn next(listener: &OwnedFd) -> io::Result<Option<Call>> {
    let mut wait = [PollFd::new(listener, PollFlags::IN)];
    while poll(&mut wait, None).or_else(|error| if error == Errno::INTR { Ok(0) } else { Err(error) })? == 0 {
    }
    if !wait[0].revents().contains(PollFlags::IN) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: all of it are integers, and the kernel wants it zeroed.
    let mut asked: seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the struct, which is as large as this request says.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) };
    Ok((result == 0).then(|| Call {
        id: asked.id,
        pid: asked.pid,
        number: asked.data.nr.into(),
        args: asked.data.args,
    }))
}

/// Sends an answer. That who asked is gone meanwhile is none of our errors.
pub(super) fn answer(listener: &OwnedFd, id: u64, reply: &Reply, nothing: &File) -> io::Result<()> {
    let (val, error, flags) = match reply {
        Reply::Go => (0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE),
        Reply::Made(_) => (0, 0, 0),
        Reply::Fail(error) => (0, -error.raw_os_error(), 0),
        Reply::Nothing => match give(listener, id, nothing) {
            Ok(number) => (number.into(), 0, 0),
            Err(error) => {
                respond(listener, id, (0, -libc::EROFS, 0))?;
                return gone(Err(error));
            }
        },
    };
    gone(respond(listener, id, (val, error, flags)))
}

fn respond(listener: &OwnedFd, id: u64, (val, error, flags): (i64, i32, libc::c_ulong)) -> io::Result<()> {
    let mut answer = seccomp_notif_resp {
        id,
        val,
        error,
        flags: flags as u32,
    };
    // SAFETY: the kernel reads the struct, which is as large as this request says.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    checked(result).map(drop)
}

/// Opens `/dev/null` in the process that asked; its number there.
fn give(listener: &OwnedFd, id: u64, nothing: &File) -> io::Result<i32> {
    let mut add = seccomp_notif_addfd {
        id,
        flags: 0,
        srcfd: nothing.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: 0,
    };
    // SAFETY: the kernel reads the struct, which is as large as this request says.
    checked(unsafe { libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut add) })
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}
