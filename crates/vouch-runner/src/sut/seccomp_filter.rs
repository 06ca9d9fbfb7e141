//! The programs that tell the kernel which system calls of a process to pass on. Source: `seccomp(2)`, `bpf`.

use libc::{c_long, sock_filter};

/// The flags with which `open` makes a file or opens one for writing.
pub(super) const WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).unsigned_abs();

/// System calls that change files or directories.
const CHANGES: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_writev,
    libc::SYS_ftruncate,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_truncate,
];

/// System calls that give a file a name, whatever their arguments.
const NAMES: &[c_long] = &[
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
];

/// System calls that open a file, each with the index of the argument that has the flags.
const OPENS: &[(c_long, u32)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// Passes on each call that can change files or directories.
pub(super) fn of_changes() -> Vec<sock_filter> {
    let mut program = vec![load_number()];
    CHANGES.iter().for_each(|call| program.extend(pass_on_if_call(*call)));
    program.push(RETURN_ALLOW);
    program
}

/// Passes on each call that makes a file, opens one for writing, or gives it another name.
pub(super) fn of_new_files() -> Vec<sock_filter> {
    let mut program = vec![load_number()];
    NAMES.iter().for_each(|call| program.extend(pass_on_if_call(*call)));
    for (call, argument) in OPENS {
        program.extend([
            // Another call: jump over the next four.
            instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (0, 4), number(*call)),
            load(ARGUMENTS + 8 * argument + LOW_WORD),
            instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, (0, 1), WRITING),
            RETURN_PASS_ON,
            RETURN_ALLOW,
        ]);
    }
    program.push(RETURN_ALLOW);
    program
}

fn pass_on_if_call(call: c_long) -> [sock_filter; 2] {
    [instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (0, 1), number(call)), RETURN_PASS_ON]
}

const RETURN_PASS_ON: sock_filter = instruction(libc::BPF_RET | libc::BPF_K, (0, 0), libc::SECCOMP_RET_USER_NOTIF);
const RETURN_ALLOW: sock_filter = instruction(libc::BPF_RET | libc::BPF_K, (0, 0), libc::SECCOMP_RET_ALLOW);

/// The offset of the arguments in `struct seccomp_data`. The number of the call is at 0.
const ARGUMENTS: u32 = 16;
/// The offset of the low half of an argument of 64 bits.
const LOW_WORD: u32 = if cfg!(target_endian = "big") { 4 } else { 0 };

fn load_number() -> sock_filter {
    load(0)
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, (0, 0), offset)
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// `jumps`: how many instructions are left out if the comparison is true, and if it is not.
#[allow(clippy::cast_possible_truncation, reason = "codes of instructions have 16 bits")]
const fn instruction(code: u32, jumps: (u8, u8), k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: jumps.0, jf: jumps.1, k }
}
