//! The write interceptor of a system without seccomp: it cannot be prepared, and cases that need it are skipped.

use super::WatchFiles;
use super::outside_files::OutsideFiles;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use vouch_sim::reference::sdk::ports::WriteFault;

pub(super) struct WriteInterceptor(Infallible);
pub(super) struct Handover(Infallible);

impl WriteInterceptor {
    pub fn arm(&self, _: u32, _: WriteFault) -> bool {
        match self.0 {}
    }

    pub fn note_in(&self, _: Arc<OutsideFiles>) {
        match self.0 {}
    }

    pub fn disarm(&self) -> bool {
        match self.0 {}
    }

    pub fn set_group(&self, _: i32) {
        match self.0 {}
    }

    pub fn end(&self) {
        match self.0 {}
    }
}

pub(super) fn prepare(_: WatchFiles<'_>) -> io::Result<(Arc<WriteInterceptor>, Handover)> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

pub fn works() -> bool {
    false
}

pub(super) fn install_into(_: &mut tokio::process::Command, handover: Handover) {
    match handover.0 {}
}
