//! Where there is no seccomp: no process can be ended at a write to storage, and cases that want that are skipped.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub(super) struct Trap(Infallible);
pub(super) struct DescriptorHandover(Infallible);

impl Trap {
    pub fn arm(&self, _: u32) {
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

pub(super) fn prepare(_: &Path) -> io::Result<(Arc<Trap>, DescriptorHandover)> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

pub fn works() -> bool {
    false
}

pub(super) fn install_into(_: &mut tokio::process::Command, handover: DescriptorHandover) {
    match handover.0 {}
}
