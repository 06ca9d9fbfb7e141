//! Ports of programs that Vouch starts.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of the ports for services. They are below the system's ephemeral ports, so that no other socket takes one before
/// the service listens.
const FIRST_PORT: u16 = 21_000;
const PORTS: u16 = 8_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);
/// A port that no other run of Vouch uses until this value is dropped: a lock on a file of its number. The kernel ends the lock
/// with the process.
pub(super) struct ReservedPort {
    pub number: String,
    _lock: File,
}

/// Reserves a port. `None` if another run has it, or if something listens on it.
fn reserve(port: u16) -> std::io::Result<Option<ReservedPort>> {
    let folder = std::env::temp_dir().join("vouch-ports");
    std::fs::create_dir_all(&folder)?;
    // Other users of the machine share the folder.
    #[cfg(unix)]
    let _ = std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o1777));
    let path = folder.join(port.to_string());
    let lock = match File::options().create(true).truncate(false).write(true).open(&path) {
        Ok(lock) => lock,
        // The file of another user, who may have the port.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let is_free = is_free(port);
    Ok(is_free.then(|| ReservedPort { number: port.to_string(), _lock: lock }))
}

pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that is free at the moment and reserved.
pub(super) fn free_port() -> std::io::Result<ReservedPort> {
    let start = u16::try_from(std::process::id() % 7_919).unwrap_or(0);
    for _ in 0..PORTS {
        let offset = (u32::from(start) + u32::from(NEXT_PORT.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(offset).unwrap_or(0);
        if let Some(reserved) = reserve(port)? {
            return Ok(reserved);
        }
    }
    Err(std::io::Error::other("no free port"))
}
