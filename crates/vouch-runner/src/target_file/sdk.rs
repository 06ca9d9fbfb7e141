//! Resolves the section `[sdk]` to a role.

use super::file::{CommandLine, DeviceSection, HookSection, SdkSection};
use super::resolve::Resolver;
use super::{PreviousSdk, PreviousSource};
use crate::sut::{ConnectAddress, DeviceHook, DeviceSpec, Preset, Program, RemoteSdk, RemoteSpec, SdkRole, Transport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use vouch_spec::profile::BUILT_IN;
use vouch_spec::scenario::Text;
use vouch_spec::text::{Span, Spanned};

/// The hooks that start or end the app.
const LAUNCHES: [DeviceHook; 4] = [DeviceHook::Launch, DeviceHook::Wake, DeviceHook::Terminate, DeviceHook::Kill];

/// The variables of a hook, beside the names of the device.
fn variables(hook: DeviceHook, listens: bool) -> &'static [&'static str] {
    match (hook, listens) {
        (DeviceHook::Reverse, _) => &["port"],
        (hook, true) if LAUNCHES.contains(&hook) => &["url", "installation", "port"],
        (hook, false) if LAUNCHES.contains(&hook) => &["port"],
        _ => &[],
    }
}

impl Resolver<'_> {
    /// The SDK that a section describes. Problems are reported to the decoder.
    pub(super) fn sdk(&self, section: SdkSection) -> Option<SdkRole> {
        let place = section.name.span;
        let transport = match (&section.connect, &section.listen) {
            (Some(connect), Some(_)) => {
                let help = "remove one of them";
                self.decoder.wrong(connect.span, "an SDK has either `connect` or `listen`", help);
                return None;
            }
            (Some(connect), None) => Some(Transport::Connect(self.connect_address(connect, section.command.is_some()))),
            (None, Some(listen)) => Some(Transport::Listen(self.listen_address(listen)?)),
            (None, None) => None,
        };
        let Some(transport) = transport else { return self.command_alone(section, place) };
        self.check_combination(&section, place);
        let known: Vec<&str> = match transport {
            Transport::Connect(_) => vec!["port"],
            Transport::Listen(_) => vec!["url", "installation"],
        };
        let program = section.command.map(|command| self.program_template(command, &section.env, &known));
        let device = self.device(section.device, matches!(transport, Transport::Listen(_)));
        let device = DeviceSpec { folder: self.folder.clone(), ..device };
        let connect_timeout = self.connect_timeout;
        let installation = section.installation;
        Some(SdkRole::Remote(Arc::new(RemoteSdk::new(RemoteSpec {
            transport,
            program,
            device,
            installation,
            connect_timeout,
        }))))
    }

    /// The build before: a program on its standard input and output, as the build under test must be, or what it left.
    pub(super) fn previous(&self, section: &SdkSection) -> Option<PreviousSource> {
        let previous = section.previous.clone()?;
        if section.connect.is_some() || section.listen.is_some() {
            let help = "remove [sdk.previous], or `connect` and `listen`";
            self.decoder.wrong(section.name.span, "a previous build cannot be reached over a connection yet", help);
        }
        let wrong = |message: &str| {
            let help = "give `command`, its adapter, or `stored`, the folder of a stored installation";
            self.decoder.wrong(section.name.span, message, help);
            None
        };
        match (previous.command, previous.stored) {
            (Some(command), None) => {
                let role = SdkRole::Command(self.program_alone(command, previous.env.into_iter().collect()));
                let profile = previous.profile.as_ref().and_then(|name| self.built_in_profile(name, &BUILT_IN));
                Some(PreviousSource::Program(PreviousSdk { role, profile }))
            }
            (None, Some(_)) if previous.profile.is_some() => {
                wrong("`profile` is for a previous build that runs: a stored installation names its own")
            }
            (None, Some(stored)) => Some(PreviousSource::Stored(self.folder.join(stored.value))),
            (None, None) => wrong("[sdk.previous] names no build"),
            (Some(_), Some(_)) => wrong("[sdk.previous] names a program and a stored installation"),
        }
    }

    pub(super) fn program_alone(
        &self,
        CommandLine { program, args }: CommandLine,
        environment: Vec<(String, String)>,
    ) -> Program {
        let args = args.into_iter().map(|arg| arg.value).collect();
        Program { program: self.program(program), args, folder: self.folder.clone(), environment }
    }

    /// A program on its standard input and output.
    fn command_alone(&self, section: SdkSection, place: Span) -> Option<SdkRole> {
        let Some(command) = section.command else {
            let help = "add `command`, a program; or `connect` or `listen`, to reach an app over a socket";
            self.decoder.wrong(place, "an SDK needs a way to reach it", help);
            return None;
        };
        if section.device.is_some() || section.installation.is_some() {
            let help = "add `connect` or `listen`";
            self.decoder.wrong(place, "a device and an installation id need a connection", help);
            return None;
        }
        let environment = section.env.into_iter().map(|(name, value)| (name, value.value)).collect();
        Some(SdkRole::Command(self.program_alone(command, environment)))
    }

    fn connect_address(&self, text: &Spanned<String>, has_program: bool) -> Text {
        let known: &[&str] = if has_program { &["port"] } else { &[] };
        let template = self.template(text, known);
        let filled = template.resolve(|name| known.contains(&name).then(|| "1".to_owned()));
        if let Ok(Err(why)) = filled.map(|url| url.parse::<ConnectAddress>()) {
            let message = format!("`{}` {why}", text.value);
            self.decoder.wrong(text.span, message, "write for example \"tcp://127.0.0.1:9777\"");
        }
        template
    }

    /// A loopback address; port 0 stands for a free one.
    fn listen_address(&self, text: &Spanned<String>) -> Option<SocketAddr> {
        let address =
            text.value.parse::<SocketAddr>().ok().filter(|address| address.is_ipv4() && address.ip().is_loopback());
        if address.is_none() {
            let message = format!("`{}` is not a loopback address with a port", text.value);
            let help = "write for example \"127.0.0.1:9778\"; `adb reverse` brings a phone there";
            self.decoder.wrong(text.span, message, help);
        }
        address
    }

    /// Settings that have no effect together are mistakes.
    fn check_combination(&self, section: &SdkSection, place: Span) {
        let wrong = |message: &str, help: &str| self.decoder.wrong(place, message, help);
        if section.command.is_none() && !section.env.is_empty() {
            wrong("`env` is for a program, and there is none", "add `command`, or remove `env`");
        }
        if section.connect.is_some() && section.installation.is_some() {
            wrong("`installation` is for an app that dials in", "use `listen`, or remove `installation`");
        }
        let Some(device) = &section.device else { return };
        let has = device.preset.is_some() || LAUNCHES.iter().any(|hook| device.hooks.contains_key(hook));
        if section.command.is_some() && has {
            wrong("both `command` and the device launch the app", "remove `command`, or the preset and these hooks");
        }
        if device.host_address.as_ref().is_some_and(|host| host.is_empty() || host.contains([':', '/', ' '])) {
            wrong("`hostAddress` is not a host name or IPv4 address", "write for example \"10.0.2.2\"");
        }
    }

    fn device(&self, section: Option<DeviceSection>, listens: bool) -> DeviceSpec {
        let Some(section) = section else { return DeviceSpec::default() };
        let package = section.package.as_ref().map(|package| self.folder.join(package).display().to_string());
        let named =
            [("app", section.app), ("device", section.device), ("package", package), ("activity", section.activity)];
        let names: BTreeMap<String, String> =
            named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let mut hooks = section.preset.as_ref().map(|preset| preset.value.hooks(listens)).unwrap_or_default();
        for (hook, commands) in section.hooks {
            let mut known: Vec<&str> = names.keys().map(String::as_str).collect();
            known.extend(variables(hook, listens));
            let commands = self.hook(hook, &commands, &known);
            if commands.is_empty() {
                hooks.remove(&hook);
            } else {
                hooks.insert(hook, commands);
            }
        }
        if let Some(preset) = &section.preset {
            self.check_preset(preset, &names, &mut hooks);
        }
        DeviceSpec { hooks, names, host_address: section.host_address, ..DeviceSpec::default() }
    }

    /// Without a package nothing can be installed. Every other name that a command of a preset uses must be given.
    fn check_preset(
        &self,
        preset: &Spanned<Preset>,
        names: &BTreeMap<String, String>,
        hooks: &mut BTreeMap<DeviceHook, Vec<Vec<Text>>>,
    ) {
        if !names.contains_key("package") {
            hooks.retain(|_, commands| !commands.iter().flatten().any(|word| word.0.contains("$package")));
        }
        for name in preset.value.names().iter().filter(|name| **name != "package" && !names.contains_key(**name)) {
            let message = format!("the preset needs `{name}`");
            self.decoder.wrong(preset.span, message, format!("add `{name} = \"…\"` to [sdk.device]"));
        }
    }

    fn hook(&self, hook: DeviceHook, section: &Spanned<HookSection>, known: &[&str]) -> Vec<Vec<Text>> {
        let commands = match &section.value {
            HookSection::One(words) if words.is_empty() => vec![],
            HookSection::One(words) => vec![words.clone()],
            HookSection::Several(commands) => commands.clone(),
        };
        if commands.iter().any(|words| words.first().is_none_or(String::is_empty)) {
            let message = format!("a command of the hook `{hook}` is empty");
            self.decoder.wrong(section.span, message, "give the program and its arguments");
        }
        let template = |word: String| self.template(&Spanned { value: word, span: section.span }, known);
        commands
            .into_iter()
            .map(|words| {
                let mut words = words.into_iter();
                let program = words.next().map(|program| self.program(program));
                program.into_iter().chain(words).map(template).collect()
            })
            .collect()
    }
}
