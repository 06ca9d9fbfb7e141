//! Notes the files that a process writes outside its folders, and kills the process at its n-th write to storage or lets that
//! write fail. On Linux a seccomp filter passes system calls to a supervisor thread before the kernel executes them, so that it
//! works for an SDK in any language. Source: `seccomp_unotify(2)`.
//!
//! A case with a `crash` or `failWrites` step passes each call that can change files; every other case only those that make a
//! file or open one for writing, which are few. The supervisor lets all but the one that a fault strikes continue at once.

use super::WatchFiles;
use super::outside_files::OutsideFiles;
use super::seccomp_filter as filter;
use super::signal::signal_group;
use parking_lot::Mutex;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use vouch_sim::reference::sdk::ports::{ArmedFault, FileChange, WriteFault};

/// The state that the supervisor and the harness share.
pub(super) struct WriteInterceptor {
    /// Where a fault can strike.
    root: Option<PathBuf>,
    /// Where the files that the process writes are noted.
    outside: Mutex<Arc<OutsideFiles>>,
    armed: Mutex<Option<ArmedFault>>,
    /// The id of the process group to kill; 0 until it is known.
    group: AtomicI32,
    /// Set when the supervisor must end.
    ended: AtomicBool,
}

impl WriteInterceptor {
    /// A fault strikes instead of the `write`-th write from now on. Returns whether that is possible.
    pub fn arm(&self, write: u32, fault: WriteFault) -> bool {
        *self.armed.lock() = self.root.is_some().then(|| ArmedFault::new(write, fault));
        self.root.is_some()
    }

    /// The files that the process writes from now on belong to another case.
    pub fn note_in(&self, outside: Arc<OutsideFiles>) {
        *self.outside.lock() = outside;
    }

    /// Lets every write continue again. Returns whether the fault struck.
    pub fn disarm(&self) -> bool {
        self.armed.lock().take().is_some_and(|armed| armed.has_struck())
    }

    /// Sets the id of the process group to kill.
    pub fn set_group(&self, group: i32) {
        self.group.store(group, Ordering::SeqCst);
    }

    /// Ends the supervisor.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Notes a file outside the root that a system call makes or opens for writing. Returns the fault that strikes the call, if
    /// one does.
    fn fault_of(&self, call: &libc::seccomp_notif) -> Option<WriteFault> {
        // Most calls come while nothing is armed and only fill an open file, and need no look at the process.
        let names_a_file = names_a_file(call);
        if !names_a_file && self.armed.lock().is_none() {
            return None;
        }
        let target = changed_path(call)?;
        if !self.root.as_ref().is_some_and(|root| target.starts_with(root)) {
            if names_a_file {
                let outside = self.outside.lock().clone();
                outside.add(&target);
            }
            return None;
        }
        self.armed.lock().as_mut()?.count_write(file_change(call))
    }
}

/// What the child needs: the filter, and its end of the socket pair through which it sends the filter's listener.
pub(super) struct Handover {
    filter: Vec<libc::sock_filter>,
    socket: UnixDatagram,
}

/// Prepares an interceptor and starts its supervisor.
pub(super) fn prepare(watch: WatchFiles<'_>) -> io::Result<(Arc<WriteInterceptor>, Handover)> {
    let (ours, socket) = UnixDatagram::pair()?;
    let root = watch.intercept_below.map(Path::canonicalize).transpose()?;
    let filter = match root {
        Some(_) => filter::of_changes(),
        None => filter::of_new_files(),
    };
    let interceptor = Arc::new(WriteInterceptor {
        root,
        outside: Mutex::new(watch.outside.clone()),
        armed: Mutex::default(),
        group: AtomicI32::new(0),
        ended: AtomicBool::new(false),
    });
    let supervised = interceptor.clone();
    std::thread::Builder::new().name("write-interceptor".into()).spawn(move || {
        ours.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
        let listener = receive_fd(&ours)?;
        supervise(&supervised, &listener)
    })?;
    Ok((interceptor, Handover { filter, socket }))
}

/// Whether the kernel allows this to the current user, tried with a process of its own.
pub fn works() -> bool {
    let (folder, outside) = (std::env::temp_dir(), Arc::default());
    let watch = WatchFiles { outside: &outside, intercept_below: Some(&folder) };
    let Ok((interceptor, handover)) = prepare(watch) else { return false };
    let mut command = std::process::Command::new("true");
    install_in(&mut command, handover);
    let works = command.status().is_ok_and(|status| status.success());
    interceptor.end();
    works
}

/// Makes a command install the filter between fork and exec.
fn install_in(command: &mut std::process::Command, handover: Handover) {
    use std::os::unix::process::CommandExt;
    // SAFETY: `install` makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || install(&handover));
    }
}

/// The same for a tokio command.
pub(super) fn install_into(command: &mut tokio::process::Command, handover: Handover) {
    // SAFETY: `install` makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || install(&handover));
    }
}

/// Runs in the child, between fork and exec.
fn install(handover: &Handover) -> io::Result<()> {
    let length = u16::try_from(handover.filter.len()).unwrap_or(0);
    let program = libc::sock_fprog { len: length, filter: handover.filter.as_ptr().cast_mut() };
    // SAFETY: plain system calls; the program outlives them, and the kernel only reads it.
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
        send_fd(handover.socket.as_raw_fd(), listener)?;
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

/// Requests of `seccomp_unotify(2)`, as the kernel's header makes them: `_IOWR('!', 0, …)` and `_IOWR('!', 1, …)`.
const fn iowr(number: u64, size: usize) -> u64 {
    (3 << 30) | ((size as u64) << 16) | ((b'!' as u64) << 8) | number
}
const RECEIVE: u64 = iowr(0, size_of::<libc::seccomp_notif>());
const SEND: u64 = iowr(1, size_of::<libc::seccomp_notif_resp>());
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const CONTINUE: u32 = 1;
/// How often the supervisor checks whether it must end, in milliseconds.
const POLL_INTERVAL_MS: i32 = 100;

fn supervise(interceptor: &WriteInterceptor, listener: &OwnedFd) -> io::Result<()> {
    let fd = listener.as_raw_fd();
    while !interceptor.ended.load(Ordering::SeqCst) {
        let mut waiting = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: plain system calls on locals.
        unsafe {
            if libc::poll(&raw mut waiting, 1, POLL_INTERVAL_MS) <= 0 {
                continue;
            }
            if waiting.revents & libc::POLLIN == 0 {
                // Every process with the filter has exited.
                return Ok(());
            }
            let mut call: libc::seccomp_notif = std::mem::zeroed();
            if libc::ioctl(fd, RECEIVE as _, &raw mut call) != 0 {
                continue;
            }
            let group = interceptor.group.load(Ordering::SeqCst);
            let fault = if group > 0 { interceptor.fault_of(&call) } else { None };
            let mut answer: libc::seccomp_notif_resp = std::mem::zeroed();
            answer.id = call.id;
            match fault {
                Some(WriteFault::End) => {
                    // Without an answer the kernel never executes the call.
                    signal_group(group);
                    continue;
                }
                Some(WriteFault::NoSpace) => answer.error = -libc::ENOSPC,
                Some(WriteFault::IoError) => answer.error = -libc::EIO,
                None => answer.flags = CONTINUE,
            }
            libc::ioctl(fd, SEND as _, &raw mut answer);
        }
    }
    Ok(())
}

/// Whether a system call makes a file or opens one for writing.
fn names_a_file(call: &libc::seccomp_notif) -> bool {
    match libc::c_long::from(call.data.nr) {
        libc::SYS_openat => opens_for_writing(call.data.args[2]),
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => true,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => opens_for_writing(call.data.args[1]),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat | libc::SYS_rename | libc::SYS_link => true,
        _ => false,
    }
}

/// The file or directory that a system call changes; none if it changes none.
fn changed_path(call: &libc::seccomp_notif) -> Option<PathBuf> {
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
    target.map(|path| normalize(&path))
}

/// Whether a system call needs space on the disk.
fn file_change(call: &libc::seccomp_notif) -> FileChange {
    match libc::c_long::from(call.data.nr) {
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_unlinkat | libc::SYS_ftruncate => {
            FileChange::RenameOrRemove
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename | libc::SYS_unlink | libc::SYS_truncate => FileChange::RenameOrRemove,
        libc::SYS_openat if !creates(call.data.args[2]) => FileChange::RenameOrRemove,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open if !creates(call.data.args[1]) => FileChange::RenameOrRemove,
        _ => FileChange::Write,
    }
}

fn creates(flags: u64) -> bool {
    flags & u64::from(libc::O_CREAT.unsigned_abs()) != 0
}

fn opens_for_writing(flags: u64) -> bool {
    flags & u64::from(filter::WRITING) != 0
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
        // The string may be just before the end of the mapped memory.
        bytes.truncate(4096 - usize::try_from(address % 4096).unwrap_or(0));
        memory.read_at(&mut bytes, address).ok()
    })?;
    let end = bytes[..count].iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// A path without `.` and `..`, without resolving links.
fn normalize(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normalized.pop()),
            Component::CurDir => {}
            other => normalized.push(other),
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    /// Runs a shell script that writes two files below `root`, stopped at a write.
    fn run(root: &Path, writes: u32, fault: WriteFault) -> (bool, Option<i32>) {
        let outside = Arc::<OutsideFiles>::default();
        let watch = WatchFiles { outside: &outside, intercept_below: Some(root) };
        let (interceptor, handover) = prepare(watch).expect("an interceptor");
        let script = format!(
            "read go; true > {0}/a; true > {0}/b; true > {0}/../elsewhere-{1}",
            root.display(),
            std::process::id()
        );
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script]).process_group(0).stdin(std::process::Stdio::piped());
        install_in(&mut command, handover);
        let mut child = command.spawn().expect("a shell");
        interceptor.set_group(i32::try_from(child.id()).expect("a process id"));
        interceptor.arm(writes, fault);
        drop(child.stdin.take());
        let status = child.wait().expect("an end");
        let elsewhere = root.with_file_name(format!("elsewhere-{}", std::process::id()));
        let seen: Vec<_> = outside.paths().into_iter().filter(|path| !path.starts_with("/dev")).collect();
        assert_eq!(seen, if elsewhere.exists() { vec![elsewhere.clone()] } else { vec![] }, "files outside the root");
        let _ = std::fs::remove_file(elsewhere);
        (interceptor.disarm(), status.signal())
    }

    #[test]
    fn a_process_is_killed_instead_of_its_nth_write() {
        if !works() {
            eprintln!("skipped: this machine has no seccomp notifications");
            return;
        }
        let folder = tempfile::tempdir().expect("a temp_dir folder");
        let root = folder.path().join("storage");
        std::fs::create_dir(&root).expect("a folder");
        assert_eq!(run(&root, 1, WriteFault::End), (true, Some(libc::SIGKILL)));
        assert!(!root.join("a").exists());
        assert_eq!(run(&root, 2, WriteFault::End), (true, Some(libc::SIGKILL)));
        assert!(root.join("a").exists() && !root.join("b").exists());
        assert_eq!(run(&root, 3, WriteFault::End), (false, None), "writes elsewhere do not count");
        assert!(root.join("b").exists());
    }

    #[test]
    fn a_full_disk_lasts_and_an_input_output_error_strikes_once() {
        if !works() {
            eprintln!("skipped: this machine has no seccomp notifications");
            return;
        }
        let folder = tempfile::tempdir().expect("a temp_dir folder");
        let made = |name: &str, fault| {
            let root = folder.path().join(name);
            std::fs::create_dir(&root).expect("a folder");
            assert_eq!(run(&root, 1, fault), (true, None), "the process lives");
            (root.join("a").exists(), root.join("b").exists())
        };
        assert_eq!(made("full", WriteFault::NoSpace), (false, false));
        assert_eq!(made("broken", WriteFault::IoError), (false, true));
    }
}
