//! What a step has the device do to the app.

use super::{BackupContent, FaultKind, Keeps, ScenarioStep, Step};
use crate::protocol::DeviceControl;
use std::collections::BTreeSet;

impl ScenarioStep {
    /// What this step and those inside it have the device do.
    pub fn collect_device_controls(&self, controls: &mut BTreeSet<DeviceControl>) {
        controls.extend(device_control(&self.step));
        self.step.inner().iter().for_each(|step| step.collect_device_controls(controls));
    }
}

fn device_control(step: &Step) -> Option<DeviceControl> {
    match step {
        Step::Kill(_) => Some(DeviceControl::Kill),
        Step::Fault(fault) if matches!(fault.kind, FaultKind::KillBefore | FaultKind::KillAfter) => {
            Some(DeviceControl::Kill)
        }
        Step::Reboot(_) => Some(DeviceControl::Reboot),
        Step::Reinstall(reinstall) => Some(match reinstall.keeps {
            Keeps::Secure => DeviceControl::ReinstallKeepingSecure,
            Keeps::Nothing => DeviceControl::Reinstall,
        }),
        Step::Restore(restore) => Some(match restore.holds {
            BackupContent::Everything => DeviceControl::Restore,
            BackupContent::Plain => DeviceControl::RestoreWithoutSecure,
        }),
        _ => None,
    }
}
