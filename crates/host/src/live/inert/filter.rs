//! Which calls the kernel asks about: a program for its packet-filter machine, as data.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF, c_long, sock_filter,
};
use std::io;

/// Offsets in `struct seccomp_data`: the call's number, the architecture, and the lower half of an argument.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// `AUDIT_ARCH_*` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
const OURS: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const OURS: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OURS: Option<u32> = None;

/// The same number on every architecture; older C libraries do not name it.
const FCHMODAT2: c_long = 452;

/// Done without being done: what they name is ours to leave alone, or was never made.
const SILENT: &[c_long] = &[
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
];
/// The names that only older architectures have.
#[cfg(target_arch = "x86_64")]
const SILENT_TOO: &[c_long] = &[
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_chmod,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const SILENT_TOO: &[c_long] = &[];

/// Depends on what they name.
const ASKED: &[c_long] = &[libc::SYS_mkdirat, libc::SYS_mknodat, libc::SYS_bind];
#[cfg(target_arch = "x86_64")]
const ASKED_TOO: &[c_long] = &[libc::SYS_mkdir, libc::SYS_mknod, libc::SYS_creat];
#[cfg(not(target_arch = "x86_64"))]
const ASKED_TOO: &[c_long] = &[];

/// Opens a file; and which argument says what for.
const OPENS: &[(c_long, u32)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];
/// What makes an open more than a look.
const WRITES: u32 = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC).cast_unsigned();

/// Other doors to the same, which no C library uses unasked.
const CLOSED: &[c_long] = &[libc::SYS_openat2, libc::SYS_io_uring_setup];

/// The program; an error on an architecture whose numbers we do not know.
pub(super) fn program() -> io::Result<Vec<sock_filter>> {
    let ours = OURS.ok_or(io::ErrorKind::Unsupported)?;
    let mut program = vec![
        load(ARCHITECTURE),
        if_equal(ours, 1, 0),
        // a program of another architecture has other numbers
        ret(SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
        load(NUMBER),
    ];
    let mut on = |calls: &[c_long], what: u32| {
        for call in calls {
            program.extend([if_equal(number(*call), 0, 1), ret(what)]);
        }
    };
    on(SILENT, SECCOMP_RET_ERRNO);
    on(SILENT_TOO, SECCOMP_RET_ERRNO);
    on(ASKED, SECCOMP_RET_USER_NOTIF);
    on(ASKED_TOO, SECCOMP_RET_USER_NOTIF);
    on(CLOSED, SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned());
    for (call, flags) in OPENS {
        program.extend([
            if_equal(number(*call), 0, 5),
            load(argument(*flags)),
            sock_filter {
                code: code(BPF_ALU | BPF_AND | BPF_K),
                jt: 0,
                jf: 0,
                k: WRITES,
            },
            if_equal(0, 0, 1),
            ret(SECCOMP_RET_ALLOW),
            ret(SECCOMP_RET_USER_NOTIF),
        ]);
    }
    program.push(ret(SECCOMP_RET_ALLOW));
    Ok(program)
}

fn load(offset: u32) -> sock_filter {
    sock_filter {
        code: code(BPF_LD | BPF_W | BPF_ABS),
        jt: 0,
        jf: 0,
        k: offset,
    }
}

/// Goes on `then` instructions further where it is equal, `or` where not.
fn if_equal(value: u32, then: u8, or: u8) -> sock_filter {
    sock_filter {
        code: code(BPF_JMP | BPF_JEQ | BPF_K),
        jt: then,
        jf: or,
        k: value,
    }
}

fn ret(what: u32) -> sock_filter {
    sock_filter {
        code: code(BPF_RET | BPF_K),
        jt: 0,
        jf: 0,
        k: what,
    }
}

/// All of them fit: they are bits below 0x100.
fn code(bits: u32) -> u16 {
    bits as u16
}

/// Numbers of calls are small.
fn number(call: c_long) -> u32 {
    call as u32
}
