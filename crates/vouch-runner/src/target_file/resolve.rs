//! Resolves the sections of a target file to roles.

use super::Target;
use super::file::{
    AdapterSection, BackendSection, CloudSection, CommandLine, LoginSection, PositiveDuration, TargetFile,
    TokenRequestSection,
};
use crate::sut::{
    AppRole, BackendLaunch, BackendRole, BackendSpec, CloudSpec, Deadlines, Login, Place, Program, RealmSpec,
    RequestLine, SdkRole, ServiceSpec, Template, TokenCall, USUAL_JWKS,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::mock_cloud::Lifetimes;
use vouch_spec::profile::{BUILT_IN, Profile};
use vouch_spec::protocol::Realm;
use vouch_spec::scenario::{Text, references};
use vouch_spec::text::{Decoder, Span, Spanned, did_you_mean};

/// The template variables of each field.
const BACKEND_ENV: [&str; 6] = ["port", "api", "apiKey", "environment", "region", "timeoutMs"];
const LOGIN: [&str; 1] = ["user"];
const TOKEN_REQUEST: [&str; 2] = ["credential", "user"];
const CLOUD: [&str; 1] = ["port"];

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
    let profile = resolver.profile(file.profile.as_ref(), file.custom);
    let mut target = Target {
        deadlines,
        request_timeout: or(file.deadlines.request, usual_timeout),
        snapshots: file.snapshots.map(|path| folder.join(path)),
        profile,
        ..Target::default()
    };
    if let Some(sdk) = file.sdk {
        target.sdk = Some((sdk.name.clone(), SdkRole::Command(resolver.adapter(sdk))));
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

struct Resolver<'a> {
    decoder: &'a Decoder,
    folder: PathBuf,
    /// The maximum time until a service is ready.
    connect_timeout: Duration,
}

impl Resolver<'_> {
    fn profile(&self, name: Option<&Spanned<String>>, custom: Option<Spanned<Profile>>) -> Option<Arc<Profile>> {
        if let Some(custom) = &custom
            && let Some((field, why)) = custom.value.check()
        {
            self.decoder.wrong(custom.span, format!("invalid mapping: `{field}`: {why}"), "see docs/profiles.md");
        }
        let name = name?;
        match (name.value.as_str(), custom) {
            ("custom", Some(custom)) => Some(Arc::new(custom.value)),
            ("custom", None) => {
                self.decoder.wrong(name.span, "the profile `custom` needs its mapping", "add a table `[custom]`");
                None
            }
            (known, _) => Profile::built_in(known).or_else(|| {
                let help = did_you_mean(known, BUILT_IN.into_iter().chain(["custom"]));
                self.decoder.wrong(name.span, format!("unknown wire profile `{known}`"), help);
                None
            }),
        }
    }

    fn adapter(&self, section: AdapterSection) -> Program {
        let CommandLine { program, args } = section.command;
        let environment = section.env.into_iter().collect();
        Program { program: self.program(program), args, folder: self.folder.clone(), environment }
    }

    /// A relative program path is relative to the folder of the target file.
    fn program(&self, program: String) -> String {
        if !program.contains('/') || Path::new(&program).is_absolute() {
            return program;
        }
        let local = self.folder.join(&program);
        std::path::absolute(&local).unwrap_or(local).display().to_string()
    }

    fn template(&self, text: &Spanned<String>, known: &[&str]) -> Template {
        for (name, _) in references(&text.value) {
            if !known.contains(&name) {
                let valid: Vec<_> = known.iter().map(|name| format!("${name}")).collect();
                let help = did_you_mean(&format!("${name}"), valid.iter().map(String::as_str));
                self.decoder.wrong(text.span, format!("undefined variable `${name}`"), help);
            }
        }
        Text(text.value.clone())
    }

    fn templates(&self, map: &BTreeMap<String, Spanned<String>>, known: &[&str]) -> BTreeMap<String, Template> {
        map.iter().map(|(name, text)| (name.clone(), self.template(text, known))).collect()
    }

    fn service(
        &self,
        command: CommandLine,
        env: &BTreeMap<String, Spanned<String>>,
        ready: Option<&Spanned<String>>,
        known: &[&str],
    ) -> ServiceSpec {
        ServiceSpec {
            program: self.program(command.program),
            args: command.args.into_iter().map(Text).collect(),
            folder: self.folder.clone(),
            environment: self.templates(env, known).into_iter().collect(),
            ready: ready.map(|ready| self.template(ready, known)),
            connect_timeout: self.connect_timeout,
        }
    }

    fn backend(&self, section: BackendSection) -> Option<BackendSpec> {
        let place = section.name.span;
        let login = self.login(section.login, section.credentials, place);
        let token = self.token_request(&section.token_request);
        let run = match (section.command, section.url, section.vendor) {
            (Some(command), None, None) => {
                Some(BackendLaunch::Started(self.service(command, &section.env, section.ready.as_ref(), &BACKEND_ENV)))
            }
            (None, Some(url), Some(vendor)) => {
                let listen = self.loopback(&vendor.listen);
                self.url(&url);
                listen.map(|listen| BackendLaunch::Running { url: url.value, listen, api_key: vendor.api_key })
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
        Some(BackendSpec { name: section.name.value, run: run?, login: login?, token: token? })
    }

    fn login(&self, login: Option<LoginSection>, credentials: BTreeMap<String, String>, place: Span) -> Option<Login> {
        match login {
            Some(login) => {
                let line = self.line(&login.request, &LOGIN);
                let credential = self.place(&login.credential);
                let headers = self.templates(&login.headers, &LOGIN);
                Some(Login::Call { line: line?, headers, body: login.body, credential: credential? })
            }
            None if !credentials.is_empty() => Some(Login::Fixed(credentials.into_iter().collect())),
            None => {
                let help = "add `[backend.login]`, or `[backend.credentials]` with a line for each test user";
                self.decoder.wrong(place, "the credential of a test user is missing", help);
                None
            }
        }
    }

    fn token_request(&self, section: &TokenRequestSection) -> Option<TokenCall> {
        let line = self.line(&section.request, &TOKEN_REQUEST);
        let token = self.place(&section.token);
        let headers = self.templates(&section.headers, &TOKEN_REQUEST);
        Some(TokenCall { line: line?, headers, body: section.body.clone(), token: token? })
    }

    fn line(&self, text: &Spanned<String>, known: &[&str]) -> Option<RequestLine> {
        let line = RequestLine::parse(&self.template(text, known).0);
        if line.is_none() {
            let message = format!("`{}` is not a method and a path", text.value);
            self.decoder.wrong(text.span, message, "write for example \"POST /sign-in-token\"");
        }
        line
    }

    fn place(&self, text: &Spanned<String>) -> Option<Place> {
        let place = Place::parse(&text.value);
        if place.is_none() {
            let message = format!("`{}` is not a location in a response", text.value);
            self.decoder.wrong(
                text.span,
                message,
                "write \"/json/pointer\", \"header:NAME\", \"cookie:NAME\" or \"body\"",
            );
        }
        place
    }

    fn loopback(&self, text: &Spanned<String>) -> Option<SocketAddr> {
        let address = text.value.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
        if address.is_none() {
            let message = format!("`{}` is not a loopback address with a port", text.value);
            self.decoder.wrong(text.span, message, "write for example \"127.0.0.1:9400\"");
        }
        address
    }

    fn url(&self, text: &Spanned<String>) {
        if !(text.value.starts_with("http://") || text.value.starts_with("https://")) {
            let message = format!("`{}` is not a URL", text.value);
            self.decoder.wrong(text.span, message, "begin it with http:// or https://");
        }
    }

    fn cloud(&self, section: CloudSection) -> Option<CloudSpec> {
        let mut realms = BTreeMap::new();
        for of in &section.realms {
            self.url(&of.api);
            self.url(&of.auth);
            let realm = Realm { environment: of.environment, region: of.region };
            let spec = RealmSpec {
                api: self.template(&of.api, &CLOUD),
                auth: self.template(&of.auth, &CLOUD),
                api_key: of.api_key.value.clone(),
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
        let hook = |command: CommandLine| {
            let mut words = vec![self.program(command.program)];
            words.extend(command.args);
            words
        };
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
            jwks: section.jwks.map_or_else(|| USUAL_JWKS.to_owned(), |jwks| jwks.value),
            hooks: section.hooks.into_iter().map(|(control, command)| (control, hook(command))).collect(),
            hook_environment: self.templates(&section.env, &CLOUD).into_iter().collect(),
            folder: self.folder.clone(),
        })
    }
}
