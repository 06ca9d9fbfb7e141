//! Resolves the sections of a target file to roles. [`super::fields`] checks the single fields.

use super::Target;
use super::file::{
    AdapterSection, BackendSection, CloudSection, CommandLine, LoginSection, PositiveDuration, TargetFile,
    TokenRequestSection, ValueSection,
};
use crate::sut::{
    AppRole, BackendLaunch, BackendRole, BackendSpec, ClientUserId, CloudSpec, Deadlines, Login, Place, Program,
    ProgramTemplate, RealmSpec, ServiceSpec, Template, TokenCall, ValueCall,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::mock_cloud::Lifetimes;
use vouch_spec::profile::{BUILT_IN, Profile, Rotation};
use vouch_spec::protocol::Realm;
use vouch_spec::scenario::{Text, references};
use vouch_spec::text::{Decoder, Span, Spanned, did_you_mean};

/// The template variables of each field.
const BACKEND_ENV: [&str; 6] = ["port", "api", "apiKey", "environment", "region", "timeoutMs"];
const LOGIN: [&str; 1] = ["user"];
const TOKEN_REQUEST: [&str; 2] = ["credential", "user"];
pub(super) const CLOUD: [&str; 1] = ["port"];

/// Resolves a file. Problems are reported to the decoder.
pub(super) fn resolve(file: TargetFile, decoder: &Decoder) -> Target {
    let folder = match decoder.source().path().parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let or = |given: Option<PositiveDuration>, default: Duration| given.map_or(default, |duration| duration.0);
    let defaults = Deadlines::default();
    let deadlines =
        Deadlines { call: or(file.deadlines.call, defaults.call), stop: or(file.deadlines.stop, defaults.stop) };
    let usual_timeout = Duration::from_secs(if file.backend.is_some() { 2 } else { 5 });
    let resolver = Resolver {
        decoder,
        folder: folder.clone(),
        connect_timeout: or(file.deadlines.start, Duration::from_secs(15)),
    };
    let profile = resolver.profile(file.profile.as_ref(), file.custom, file.cloud.as_ref());
    let mut target = Target {
        deadlines,
        request_timeout: or(file.deadlines.request, usual_timeout),
        build: file.build.map(|build| (build, folder.clone())),
        waivers: file.waivers.map(|path| folder.join(path)),
        snapshots: file.snapshots.map(|path| folder.join(path)),
        profile,
        ..Target::default()
    };
    if let Some(sdk) = file.sdk {
        let name = sdk.name.value.clone();
        target.previous = resolver.previous(&sdk);
        target.adapter_files = sdk.adapter_files.iter().map(|path| resolver.folder.join(path)).collect();
        target.sdk = resolver.sdk(sdk).map(|role| (name, role));
    }
    if let Some(app) = file.app {
        target.app = Some((app.name.clone(), AppRole::Command(resolver.adapter(app))));
    }
    if let Some(backend) = file.backend {
        target.backend =
            resolver.backend(backend).map(|spec| (spec.name.clone(), BackendRole::External(Arc::new(spec))));
    }
    target.cloud = file.cloud.and_then(|cloud| resolver.cloud(cloud));
    target
}

pub(super) struct Resolver<'a> {
    pub(super) decoder: &'a Decoder,
    pub(super) folder: PathBuf,
    /// The maximum time until a service is ready.
    pub(super) connect_timeout: Duration,
}

impl Resolver<'_> {
    fn profile(
        &self,
        name: Option<&Spanned<String>>,
        custom: Option<Spanned<Profile>>,
        cloud: Option<&CloudSection>,
    ) -> Option<Arc<Profile>> {
        let custom = custom.map(|mut custom| {
            if let Some(lifetime) = cloud.and_then(|cloud| cloud.lifetimes.access_token) {
                custom.value.default_expires_in.get_or_insert(lifetime.0.as_secs().max(1));
            }
            let rotates = cloud.is_some_and(|cloud| cloud.rotation == Some(Rotation::Required));
            if rotates && custom.value.refresh.answer.refresh_token.is_none() {
                let help = "write in `[custom.refresh]` where the answer has its `refreshToken`, or another `rotation`";
                self.decoder.wrong(
                    custom.span,
                    "`rotation = \"required\"`, and no place of the new refresh token",
                    help,
                );
            }
            self.check_mapping(&custom);
            self.read_client_secret(&mut custom);
            custom
        });
        let name = name?;
        match (name.value.as_str(), custom) {
            ("custom", Some(custom)) => Some(Arc::new(custom.value)),
            ("custom", None) => {
                self.decoder.wrong(name.span, "the profile `custom` needs its mapping", "add a table `[custom]`");
                None
            }
            _ => self.built_in_profile(name, &[&BUILT_IN[..], &["custom"]].concat()),
        }
    }

    /// The built-in profile of a name. `names` are those that may stand there.
    pub(super) fn built_in_profile(&self, name: &Spanned<String>, names: &[&str]) -> Option<Arc<Profile>> {
        Profile::built_in(&name.value).or_else(|| {
            let help = did_you_mean(&name.value, names.iter().copied());
            self.decoder.wrong(name.span, format!("unknown wire profile `{}`", name.value), help);
            None
        })
    }

    fn adapter(&self, section: AdapterSection) -> Program {
        self.program_alone(section.command, section.env.into_iter().collect())
    }

    /// A relative program path is relative to the folder of the target file.
    pub(super) fn program(&self, program: String) -> String {
        if !program.contains('/') || Path::new(&program).is_absolute() {
            return program;
        }
        let local = self.folder.join(&program);
        std::path::absolute(&local).unwrap_or(local).display().to_string()
    }

    /// The words of a command in which nothing is replaced.
    pub(super) fn words(&self, command: CommandLine) -> Vec<String> {
        let mut words = vec![self.program(command.program)];
        words.extend(command.args.into_iter().map(|arg| arg.value));
        words
    }

    pub(super) fn templates(
        &self,
        map: &BTreeMap<String, Spanned<String>>,
        known: &[&str],
    ) -> BTreeMap<String, Template> {
        map.iter().map(|(name, text)| (name.clone(), self.template(text, known))).collect()
    }

    /// A command in which the `known` variables are replaced.
    pub(super) fn program_template(
        &self,
        command: CommandLine,
        env: &BTreeMap<String, Spanned<String>>,
        known: &[&str],
    ) -> ProgramTemplate {
        ProgramTemplate {
            program: self.program(command.program),
            args: command.args.iter().map(|arg| self.template(arg, known)).collect(),
            folder: self.folder.clone(),
            environment: self.templates(env, known).into_iter().collect(),
        }
    }

    fn service(
        &self,
        command: CommandLine,
        env: &BTreeMap<String, Spanned<String>>,
        ready: Option<&Spanned<String>>,
        known: &[&str],
    ) -> ServiceSpec {
        ServiceSpec {
            program: self.program_template(command, env, known),
            ready: ready.map(|ready| self.path_or_url(ready, known)),
            connect_timeout: self.connect_timeout,
        }
    }

    fn backend(&self, section: BackendSection) -> Option<BackendSpec> {
        let place = section.name.span;
        let login_values: Vec<String> = match &section.login {
            Some(login) => {
                login.before.iter().flat_map(|one| one.values.keys()).chain(login.values.keys()).cloned().collect()
            }
            None => vec![],
        };
        let login_values: Vec<&str> = login_values.iter().map(String::as_str).collect();
        let login = self.login(section.login, section.credentials, place);
        let token = self.token_request(&section.token_request, &login_values);
        let known: Vec<&str> = TOKEN_REQUEST.iter().chain(&login_values).copied().collect();
        let logout = section.logout.as_ref().and_then(|logout| self.value_call(logout, &known));
        let client_user_id = self.client_user_id(section.client_user_id.as_ref());
        let run = match (section.command, section.url, section.vendor) {
            (Some(command), None, None) => {
                Some(BackendLaunch::Started(self.service(command, &section.env, section.ready.as_ref(), &BACKEND_ENV)))
            }
            (None, Some(url), Some(vendor)) => {
                let listen = self.loopback(&vendor.listen);
                self.url(&url, &[]);
                let api_key = self.literal(&vendor.api_key);
                listen.map(|listen| BackendLaunch::Running { url: url.value, listen, api_key })
            }
            (None, Some(url), None) => {
                let help = "add `[backend.vendor]` with `listen` and `apiKey`, as that backend is configured";
                self.decoder.wrong(url.span, "a backend that runs already needs `[backend.vendor]`", help);
                None
            }
            _ => {
                let help =
                    "`command` for a program that Vouch starts, or `url` and `[backend.vendor]` for one that runs";
                self.decoder.wrong(place, "a backend has either `command` or `url`", help);
                None
            }
        };
        let (run, login, token) = (run?, login?, token?);
        Some(BackendSpec { name: section.name.value, run, login, logout, token, client_user_id })
    }

    fn login(&self, login: Option<LoginSection>, credentials: BTreeMap<String, String>, place: Span) -> Option<Login> {
        match login {
            Some(login) => {
                let mut known: Vec<&str> = LOGIN.to_vec();
                let before = self.value_calls(&login.before, &mut known);
                let line = self.line(&login.request, &known);
                let credential = self.place(&login.credential);
                let headers = self.headers(&login.headers, &known);
                let body = self.body(login.body.as_ref(), &known);
                let (credential, values) = (credential?, self.places(&login.values));
                Some(Login::Call { before, line: line?, headers, body, credential, values })
            }
            None if !credentials.is_empty() => Some(Login::Fixed(credentials.into_iter().collect())),
            None => {
                let help = "add `[backend.login]`, or `[backend.credentials]` with a line for each test user";
                self.decoder.wrong(place, "the credential of a test user is missing", help);
                None
            }
        }
    }

    /// Requests with values; the names of the values are known from then on.
    fn value_calls<'n>(&self, sections: &'n [ValueSection], known: &mut Vec<&'n str>) -> Vec<ValueCall> {
        let mut calls = Vec::new();
        for section in sections {
            calls.extend(self.value_call(section, known));
            known.extend(section.values.keys().map(String::as_str));
        }
        calls
    }

    fn value_call(&self, section: &ValueSection, known: &[&str]) -> Option<ValueCall> {
        let line = self.line(&section.request, known);
        let headers = self.headers(&section.headers, known);
        let body = self.body(section.body.as_ref(), known);
        let values = self.places(&section.values);
        Some(ValueCall { line: line?, headers, body, values })
    }

    fn places(&self, places: &BTreeMap<String, Spanned<String>>) -> BTreeMap<String, Place> {
        places.iter().filter_map(|(name, place)| Some((name.clone(), self.place(place)?))).collect()
    }

    /// `values`: the names of the values of the login.
    fn token_request(&self, section: &TokenRequestSection, values: &[&str]) -> Option<TokenCall> {
        let mut known: Vec<&str> = TOKEN_REQUEST.iter().chain(values).copied().collect();
        let before = self.value_calls(&section.before, &mut known);
        let line = self.line(&section.request, &known);
        let token = self.place(&section.token);
        let headers = self.headers(&section.headers, &known);
        let body = self.body(section.body.as_ref(), &known);
        let failed_when = section.failed_when.as_ref().map(|pointer| self.pointer(pointer));
        Some(TokenCall { line: line?, headers, body, token: token?, before, failed_when })
    }

    fn client_user_id(&self, text: Option<&Spanned<String>>) -> ClientUserId {
        match text {
            None => ClientUserId::Template(Text("$user".into())),
            Some(text) if text.value == "unknown" => ClientUserId::Unknown,
            Some(text) => {
                if !references(&text.value).iter().any(|(name, _)| *name == "user") {
                    let message = "the `clientUserId` of every user would be the same";
                    self.decoder.wrong(text.span, message, "write `$user` in it, or \"unknown\"");
                }
                ClientUserId::Template(self.template(text, &LOGIN))
            }
        }
    }

    fn cloud(&self, section: CloudSection) -> Option<CloudSpec> {
        let mut realms = BTreeMap::new();
        for of in &section.realms {
            let realm = Realm { environment: of.environment, region: of.region };
            let spec = RealmSpec {
                api: self.url(&of.api, &CLOUD),
                auth: self.url(&of.auth, &CLOUD),
                api_key: self.literal(&of.api_key),
            };
            if realms.insert(realm, spec).is_some() {
                self.decoder.wrong(of.api.span, format!("{realm} is listed twice"), "remove one of them");
            }
        }
        if realms.is_empty() {
            let help = "add `[[cloud.realms]]` with environment, region, api, auth and apiKey";
            self.decoder.wrong(section.name.span, "a cloud needs at least one realm", help);
        }
        let usual = Lifetimes::default();
        let or = |given: Option<PositiveDuration>, default: Duration| given.map_or(default, |duration| duration.0);
        let hook = |command: CommandLine| self.words(command);
        let has_service = section.command.is_some();
        Some(CloudSpec {
            name: section.name.value,
            service: section.command.map(|command| self.service(command, &section.env, section.ready.as_ref(), &CLOUD)),
            realms,
            lifetimes: Lifetimes {
                sign_in_token: or(section.lifetimes.sign_in_token, usual.sign_in_token),
                access_token: or(section.lifetimes.access_token, usual.access_token),
            },
            clock_leeway: section.clock_leeway.map(|duration| duration.0),
            reports_deletion: section.reports_deletion.unwrap_or(true),
            rotation: section.rotation,
            reuse_interval: or(section.reuse_interval, Duration::ZERO),
            jwks: section.jwks.map(|jwks| self.path_or_url(&jwks, &[]).0),
            discovery: section.discovery.map(|place| self.path_or_url(&place, &CLOUD)),
            tls: self.tls(section.tls),
            hooks: section.hooks.into_iter().map(|(control, command)| (control, hook(command))).collect(),
            hook_environment: self.templates(&section.env, &CLOUD).into_iter().collect(),
            describe: section.describe.map(|describe| self.describe(describe)),
            metrics: section.metrics.and_then(|metrics| self.metrics(metrics, has_service)),
            folder: self.folder.clone(),
        })
    }
}
