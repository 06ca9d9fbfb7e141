//! The device that an app runs on: commands (hooks) that do what Vouch cannot do itself, with presets for Android and for the
//! iOS simulator.

use super::super::StartError;
use super::super::hook_command::{self, HookOutput};
use super::super::http::{Template, fill};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use vouch_spec::protocol::DeviceControl;
use vouch_spec::scenario::Text;

/// The longest time that a command of a hook may take: a phone reboots in less than two minutes.
const HOOK_TIMEOUT: Duration = Duration::from_secs(180);

macro_rules! hooks {
    ($($(#[doc = $about:literal])+ $hook:ident = $word:literal),+ $(,)?) => {
        /// What a device can be told to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
        pub enum DeviceHook {
            $($(#[doc = $about])+ #[serde(rename = $word)] $hook),+
        }

        impl DeviceHook {
            /// As target files write it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$hook => $word),+ }
            }
        }
    };
}

hooks! {
    /// Installs the app, once for the run.
    Install = "install",
    /// Starts the app.
    Launch = "launch",
    /// Starts the app in the background, without a user interface. `launch` then brings it to the foreground.
    Wake = "wake",
    /// Ends the app after it has answered `stop`, where it does not end by itself.
    Terminate = "terminate",
    /// Ends the app at once.
    Kill = "kill",
    /// Restarts the device and returns when it is ready.
    Reboot = "reboot",
    /// Deletes all data of the app, before each case.
    Clear = "clear",
    /// Removes the app and installs it again; secure storage is erased.
    Reinstall = "reinstall",
    /// Removes the app and installs it again; secure storage stays, as the iOS keychain does.
    ReinstallKeepingSecure = "reinstallKeepingSecure",
    /// Restores a backup of all storage on a new device, where the app is then installed.
    Restore = "restore",
    /// The same with a backup without secure storage.
    RestoreWithoutSecure = "restoreWithoutSecure",
    /// Makes secure storage unreadable, as before the first unlock after a reboot.
    Lock = "lock",
    /// Makes secure storage readable again.
    Unlock = "unlock",
    /// Prints what the SDK keeps, as the result of the call `storage`: `{"items": [...]}`.
    Dump = "dump",
    /// Makes a port of this machine, `$port`, reachable from the device under the same number.
    Reverse = "reverse",
}

impl fmt::Display for DeviceHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The commands of one hook: they run one after the other.
pub type HookCommands = Vec<Vec<Template>>;

/// A device, as a target file describes it.
#[derive(Clone, Debug, Default)]
pub struct DeviceSpec {
    /// The commands of each hook.
    pub hooks: BTreeMap<DeviceHook, HookCommands>,
    /// The values of `$app`, `$device`, `$package` and `$activity`.
    pub names: BTreeMap<String, String>,
    /// The working directory of the hooks.
    pub folder: PathBuf,
    /// The address of this machine as the device sees it. Default: the loopback address.
    pub host_address: Option<String>,
}

impl DeviceSpec {
    /// Whether there is a hook.
    pub fn has(&self, hook: DeviceHook) -> bool {
        self.hooks.contains_key(&hook)
    }

    /// Whether its hooks can launch the app in the background, and bring it to the foreground.
    pub fn can_wake(&self) -> bool {
        self.has(DeviceHook::Wake) && self.has(DeviceHook::Launch)
    }

    /// The values of the variables that do not change.
    pub fn values(&self) -> Vec<(String, String)> {
        self.names.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What the hooks let scenarios do with a device whose app Vouch does not start itself.
    pub fn controls(&self) -> impl Iterator<Item = DeviceControl> {
        let by_hook = [
            (DeviceHook::Kill, DeviceControl::Kill),
            (DeviceHook::Reboot, DeviceControl::Reboot),
            (DeviceHook::Reinstall, DeviceControl::Reinstall),
            (DeviceHook::ReinstallKeepingSecure, DeviceControl::ReinstallKeepingSecure),
            (DeviceHook::Restore, DeviceControl::Restore),
            (DeviceHook::RestoreWithoutSecure, DeviceControl::RestoreWithoutSecure),
        ];
        by_hook.into_iter().filter(|(hook, _)| self.has(*hook)).map(|(_, control)| control)
    }

    /// The address that an app on the device dials.
    pub(super) fn url_for_app(&self, port: u16) -> String {
        format!("ws://{}:{port}", self.host_address.as_deref().unwrap_or("127.0.0.1"))
    }

    /// A URL of this machine as the device sees it.
    pub fn seen_from_device(&self, url: &str) -> String {
        match &self.host_address {
            Some(host) => url.replacen("127.0.0.1", host, 1),
            None => url.to_owned(),
        }
    }

    /// Runs a hook, if there is one, and returns what it printed. `values` are the values of its variables.
    pub async fn run(&self, hook: DeviceHook, values: &[(String, String)]) -> Result<String, StartError> {
        let mut output = String::new();
        for words in self.hooks.get(&hook).into_iter().flatten() {
            output.push_str(&self.run_command(hook, words, values).await?);
        }
        Ok(output)
    }

    async fn run_command(
        &self,
        hook: DeviceHook,
        words: &[Template],
        values: &[(String, String)],
    ) -> Result<String, StartError> {
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let words: Vec<_> = words.iter().map(|word| fill(word, &values)).collect();
        let Some((program, args)) = words.split_first() else { return Ok(String::new()) };
        let what = format!("the device hook `{hook}` failed: `{}`", words.join(" "));
        let failed = |why: &dyn fmt::Display| StartError::new(&what, why);
        let vouch = values.iter().map(|(name, value)| (format!("VOUCH_{}", name.to_uppercase()), *value));
        let environment = vouch.chain([("VOUCH_HOOK".to_owned(), hook.word())]);
        let ran = hook_command::run((program, args), &self.folder, environment, HOOK_TIMEOUT).await;
        let HookOutput { stdout, stderr } = ran.map_err(|error| failed(&error))?;
        // `am start` reports some errors with the exit code 0.
        let error = stdout.lines().chain(stderr.lines()).find(|line| line.starts_with("Error"));
        match error.filter(|_| hook == DeviceHook::Launch && words[0] == "adb") {
            Some(error) => Err(failed(&error)),
            None => Ok(stdout),
        }
    }
}

/// Hooks that are known for a platform. A target file can replace each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Preset {
    /// An Android emulator or phone, through `adb`. Needs `device`, `app`, `activity`, and `package` to install.
    Adb,
    /// A simulator of iOS, through `xcrun simctl`. Needs `device`, `app`, and `package` to install.
    Simctl,
}

impl Preset {
    /// The names that its commands use.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Preset::Adb => &["device", "app", "activity", "package"],
            Preset::Simctl => &["device", "app", "package"],
        }
    }

    /// Its commands, word by word. `listens`: the app dials in, and must be told where.
    pub fn hooks(self, listens: bool) -> BTreeMap<DeviceHook, HookCommands> {
        let launch: &[&str] = match (self, listens) {
            (Preset::Adb, true) => &[ADB_LAUNCH_AND_DIAL],
            (Preset::Adb, false) => &[ADB_FORWARD, ADB_LAUNCH],
            (Preset::Simctl, true) => &[SIMCTL_LAUNCH_AND_DIAL],
            (Preset::Simctl, false) => &[SIMCTL_LAUNCH],
        };
        let others = match self {
            Preset::Adb => ADB,
            Preset::Simctl => SIMCTL,
        };
        let launch = launch.iter().map(|line| (DeviceHook::Launch, *line));
        let mut hooks: BTreeMap<DeviceHook, HookCommands> = BTreeMap::new();
        for (hook, line) in launch.chain(others.iter().copied()) {
            let words = line.split(' ').map(|word| Text(word.to_owned())).collect();
            hooks.entry(hook).or_default().push(words);
        }
        hooks
    }
}

const ADB_LAUNCH: &str = "adb -s $device shell am start -W -n $app/$activity";
const ADB_LAUNCH_AND_DIAL: &str =
    "adb -s $device shell am start -W -n $app/$activity --es vouchUrl $url --es vouchInstallation $installation";
const ADB_FORWARD: &str = "adb -s $device forward tcp:$port tcp:$port";
const SIMCTL_LAUNCH: &str = "xcrun simctl launch $device $app";
const SIMCTL_LAUNCH_AND_DIAL: &str =
    "env SIMCTL_CHILD_VOUCH_URL=$url SIMCTL_CHILD_VOUCH_INSTALLATION=$installation xcrun simctl launch $device $app";

/// <https://developer.android.com/tools/adb>. `force-stop` ends the process with SIGKILL. The keystore of an app is erased with
/// the app, so that there is no `reinstallKeepingSecure`.
const ADB: &[(DeviceHook, &str)] = &[
    (DeviceHook::Install, "adb -s $device install -r -t $package"),
    (DeviceHook::Terminate, "adb -s $device shell am force-stop $app"),
    (DeviceHook::Kill, "adb -s $device shell am force-stop $app"),
    (DeviceHook::Reboot, "adb -s $device reboot"),
    // The command before returns while the old system still runs.
    (DeviceHook::Reboot, "adb -s $device wait-for-disconnect"),
    (
        DeviceHook::Reboot,
        "adb -s $device wait-for-device shell while [ -z $(getprop sys.boot_completed) ]; do sleep 1; done",
    ),
    (DeviceHook::Clear, "adb -s $device shell pm clear $app"),
    (DeviceHook::Reinstall, "adb -s $device uninstall $app"),
    (DeviceHook::Reinstall, "adb -s $device install -t $package"),
    (DeviceHook::Reverse, "adb -s $device reverse tcp:$port tcp:$port"),
];

/// `xcrun simctl help`. A simulator shares the network of its machine. Its keychain outlasts the app, so that a `reinstall`
/// resets it.
const SIMCTL: &[(DeviceHook, &str)] = &[
    (DeviceHook::Install, "xcrun simctl install $device $package"),
    (DeviceHook::Terminate, "xcrun simctl terminate $device $app"),
    (DeviceHook::Kill, "xcrun simctl terminate $device $app"),
    (DeviceHook::Reboot, "xcrun simctl shutdown $device"),
    (DeviceHook::Reboot, "xcrun simctl bootstatus $device -b"),
    (DeviceHook::Clear, "xcrun simctl uninstall $device $app"),
    (DeviceHook::Clear, "xcrun simctl keychain $device reset"),
    (DeviceHook::Clear, "xcrun simctl install $device $package"),
    (DeviceHook::Reinstall, "xcrun simctl uninstall $device $app"),
    (DeviceHook::Reinstall, "xcrun simctl keychain $device reset"),
    (DeviceHook::Reinstall, "xcrun simctl install $device $package"),
    (DeviceHook::ReinstallKeepingSecure, "xcrun simctl uninstall $device $app"),
    (DeviceHook::ReinstallKeepingSecure, "xcrun simctl install $device $package"),
];
