//! Stops a process at its n-th write to storage: on Linux a seccomp filter hands every system call that can change files
//! to this supervisor before it is done, whatever language the SDK is written in. Source: seccomp_unotify(2).
//!
//! Only cases with a `crash` step run under it. Every other call is let through at once.

use super::signal::signal_group;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

/// What supervisor and harness share.
pub(super) struct Trap {
    root: PathBuf,
    /// Writes until the end; 0 is not armed.
    left: AtomicU32,
    struck: AtomicBool,
    /// The process group to kill; 0 until it is known.
    group: AtomicI32,
    over: AtomicBool,
}

impl Trap {
    /// The process is killed instead of its `writes`-th write from now on.
    pub fn arm(&self, writes: u32) {
        self.struck.store(false, Ordering::SeqCst);
        self.left.store(writes, Ordering::SeqCst);
    }

    /// Lets everything through again; whether the trap had struck.
    pub fn disarm(&self) -> bool {
        self.left.store(0, Ordering::SeqCst);
        self.struck.load(Ordering::SeqCst)
    }

    pub fn set_group(&self, group: i32) {
        self.group.store(group, Ordering::SeqCst);
    }

    /// Ends the supervisor.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Counts one write; whether the process must end here.
    fn strikes(&self) -> bool {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let strikes = before == Ok(1);
        if strikes {
            self.struck.store(true, Ordering::SeqCst);
        }
        strikes
    }
}

/// The child's end of the pair through which it hands the filter's listener over.
pub(super) struct DescriptorHandover(UnixDatagram);

/// Prepares a trap for what lies below `root`, and its supervisor.
pub(super) fn prepare(root: &Path) -> io::Result<(Arc<Trap>, DescriptorHandover)> {
    let (ours, childs) = UnixDatagram::pair()?;
    let root = root.canonicalize()?;
    let trap = Arc::new(Trap {
        root,
        left: AtomicU32::new(0),
        struck: AtomicBool::new(false),
        group: AtomicI32::new(0),
        over: AtomicBool::new(false),
    });
    let supervised = trap.clone();
    std::thread::Builder::new().name("storage-trap".into()).spawn(move || {
        ours.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
        let listener = receive_fd(&ours)?;
        supervise(&supervised, &listener)
    })?;
    Ok((trap, DescriptorHandover(childs)))
}

/// Whether this kernel can do it for this user: tried on a process of its own.
pub fn works() -> bool {
    let folder = std::env::temp_dir();
    let Ok((trap, handover)) = prepare(&folder) else { return false };
    let mut command = std::process::Command::new("true");
    install_in(&mut command, handover);
    let works = command.status().is_ok_and(|status| status.success());
    trap.end();
    works
}

/// Has a command install the filter between fork and exec.
fn install_in(command: &mut std::process::Command, handover: DescriptorHandover) {
    use std::os::unix::process::CommandExt;
    // SAFETY: `install` makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || install(&handover));
    }
}

/// The same for a tokio command.
pub(super) fn install_into(command: &mut tokio::process::Command, handover: DescriptorHandover) {
    // SAFETY: `install` makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || install(&handover));
    }
}

/// System calls that change files or what names them.
const WATCHED: &[libc::c_long] = &[
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

/// The most instructions of the filter: one to load, one for each call, two to return.
const MOST: usize = WATCHED.len() + 3;

fn filter() -> [libc::sock_filter; MOST] {
    let instruction = |code: u32, jt: usize, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap_or(0),
        jt: u8::try_from(jt).unwrap_or(0),
        jf: 0,
        k,
    };
    // The number of the system call is the first field of the filter's data.
    let mut program = [instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0); MOST];
    for (at, number) in WATCHED.iter().enumerate() {
        // On a match, jump over the rest and the `allow` that follows it.
        let jump = WATCHED.len() - at;
        let number = u32::try_from(*number).unwrap_or(u32::MAX);
        program[at + 1] = instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jump, number);
    }
    program[MOST - 2] = instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW);
    program[MOST - 1] = instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_USER_NOTIF);
    program
}

/// Runs in the child, between fork and exec.
fn install(handover: &DescriptorHandover) -> io::Result<()> {
    let mut program = filter();
    let program = libc::sock_fprog { len: u16::try_from(MOST).unwrap_or(0), filter: program.as_mut_ptr() };
    // SAFETY: plain system calls; the program outlives them.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        let listener = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        );
        let listener = i32::try_from(listener).unwrap_or(-1);
        if listener < 0 {
            return Err(io::Error::last_os_error());
        }
        send_fd(handover.0.as_raw_fd(), listener)?;
        libc::close(listener);
    }
    Ok(())
}

/// Room for one descriptor in a control message, well aligned.
#[repr(C, align(8))]
struct Control([u8; 32]);

fn send_fd(socket: RawFd, fd: RawFd) -> io::Result<()> {
    let (mut byte, mut control) = ([0_u8; 1], Control([0; 32]));
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: every pointer refers to a local that outlives the call; the control buffer has room for one descriptor.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        ((*header).cmsg_level, (*header).cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(fd);
        if libc::sendmsg(socket, &raw const message, 0) < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn receive_fd(socket: &UnixDatagram) -> io::Result<OwnedFd> {
    let (mut byte, mut control) = ([0_u8; 1], Control([0; 32]));
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: as in `send_fd`; the descriptor that arrives is ours alone.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control.0.len() as _;
        if libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) <= 0 {
            return Err(io::Error::last_os_error());
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() || (*header).cmsg_type != libc::SCM_RIGHTS {
            return Err(io::Error::other("no descriptor came"));
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned()))
    }
}

/// Requests of seccomp_unotify(2), as the kernel's header makes them: `_IOWR('!', 0, …)` and `_IOWR('!', 1, …)`.
const fn iowr(number: u64, size: usize) -> u64 {
    (3 << 30) | ((size as u64) << 16) | ((b'!' as u64) << 8) | number
}
const RECEIVE: u64 = iowr(0, size_of::<libc::seccomp_notif>());
const SEND: u64 = iowr(1, size_of::<libc::seccomp_notif_resp>());
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const CONTINUE: u32 = 1;
/// How long the supervisor waits before it looks whether it is still needed, in milliseconds.
const LOOK_UP_MS: i32 = 100;

fn supervise(trap: &Trap, listener: &OwnedFd) -> io::Result<()> {
    let fd = listener.as_raw_fd();
    while !trap.over.load(Ordering::SeqCst) {
        let mut waiting = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: plain system calls on locals.
        unsafe {
            if libc::poll(&raw mut waiting, 1, LOOK_UP_MS) <= 0 {
                continue;
            }
            if waiting.revents & libc::POLLIN == 0 {
                // Every process under the filter is gone.
                return Ok(());
            }
            let mut call: libc::seccomp_notif = std::mem::zeroed();
            if libc::ioctl(fd, RECEIVE as _, &raw mut call) != 0 {
                continue;
            }
            let group = trap.group.load(Ordering::SeqCst);
            if group > 0 && trap.left.load(Ordering::SeqCst) > 0 && writes_below(&call, &trap.root) && trap.strikes() {
                // Not answered: the call is never done.
                signal_group(group);
                continue;
            }
            let mut answer: libc::seccomp_notif_resp = std::mem::zeroed();
            (answer.id, answer.flags) = (call.id, CONTINUE);
            libc::ioctl(fd, SEND as _, &raw mut answer);
        }
    }
    Ok(())
}

/// Whether a call changes something below a folder.
fn writes_below(call: &libc::seccomp_notif, root: &Path) -> bool {
    let (pid, number, args) = (call.pid, libc::c_long::from(call.data.nr), &call.data.args);
    let target = match number {
        libc::SYS_openat => opens_for_writing(args[2]).then(|| at(pid, args[0], args[1])).flatten(),
        libc::SYS_write
        | libc::SYS_pwrite64
        | libc::SYS_writev
        | libc::SYS_ftruncate
        | libc::SYS_fsync
        | libc::SYS_fdatasync => descriptor(pid, args[0]),
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => at(pid, args[2], args[3]),
        libc::SYS_unlinkat | libc::SYS_mkdirat => at(pid, args[0], args[1]),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => opens_for_writing(args[1]).then(|| by_name(pid, args[0])).flatten(),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename | libc::SYS_link => by_name(pid, args[1]),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat | libc::SYS_unlink | libc::SYS_mkdir | libc::SYS_truncate => by_name(pid, args[0]),
        _ => None,
    };
    target.is_some_and(|path| tidy(&path).starts_with(root))
}

fn opens_for_writing(flags: u64) -> bool {
    let writing = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
    flags & u64::from(writing.unsigned_abs()) != 0
}

fn descriptor(pid: u32, fd: u64) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/fd/{}", fd & 0xffff_ffff)).ok()
}

#[cfg(target_arch = "x86_64")]
fn by_name(pid: u32, address: u64) -> Option<PathBuf> {
    Some(working_folder(pid)?.join(text(pid, address)?))
}

fn working_folder(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// A path relative to a directory's descriptor.
fn at(pid: u32, folder: u64, address: u64) -> Option<PathBuf> {
    #[allow(clippy::cast_possible_truncation, reason = "descriptors are 32 bits wide; AT_FDCWD is negative")]
    let here = folder as i32 == libc::AT_FDCWD;
    let folder = if here { working_folder(pid)? } else { descriptor(pid, folder)? };
    Some(folder.join(text(pid, address)?))
}

/// A C string of another process.
fn text(pid: u32, address: u64) -> Option<String> {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut bytes = vec![0; 4096];
    let count = memory.read_at(&mut bytes, address).ok().or_else(|| {
        // The string may stand just before the end of what is mapped.
        bytes.truncate(4096 - usize::try_from(address % 4096).unwrap_or(0));
        memory.read_at(&mut bytes, address).ok()
    })?;
    let end = bytes[..count].iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// Without `.` and `..`, by name alone.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(tidy.pop()),
            Component::CurDir => {}
            other => tidy.push(other),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    /// Runs a shell script that writes two files below `root`, stopped at a write.
    fn run(root: &Path, writes: u32) -> (bool, Option<i32>) {
        let (trap, handover) = prepare(root).expect("a trap");
        let script =
            format!("read go; : > {0}/a; : > {0}/b; : > {0}/../elsewhere-{1}", root.display(), std::process::id());
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script]).process_group(0).stdin(std::process::Stdio::piped());
        install_in(&mut command, handover);
        let mut child = command.spawn().expect("a shell");
        trap.set_group(i32::try_from(child.id()).expect("a process id"));
        trap.arm(writes);
        drop(child.stdin.take());
        let status = child.wait().expect("an end");
        (trap.disarm(), status.signal())
    }

    #[test]
    fn a_process_ends_instead_of_its_nth_write_and_not_before() {
        if !works() {
            // Said by the program too: such cases are skipped.
            eprintln!("this machine has no seccomp notifications; nothing to try");
            return;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("storage");
        std::fs::create_dir(&root).expect("a folder");
        assert_eq!(run(&root, 1), (true, Some(libc::SIGKILL)));
        assert!(!root.join("a").exists());
        assert_eq!(run(&root, 2), (true, Some(libc::SIGKILL)));
        assert!(root.join("a").exists() && !root.join("b").exists());
        assert_eq!(run(&root, 3), (false, None), "writes elsewhere do not count");
        assert!(root.join("b").exists());
    }
}
