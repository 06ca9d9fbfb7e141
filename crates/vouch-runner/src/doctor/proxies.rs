//! No proxy of the environment takes the calls of a build to Vouch's servers, which are on 127.0.0.1.

use super::Diagnosis;
use super::environment::Environment;

const CHECK: &str = "proxy";
/// The variables that HTTP clients read. Vouch's servers speak plain HTTP, so that those for HTTPS do not matter.
const FOR_HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const FOR_HTTPS: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];
const ADVICE: &str = "set NO_PROXY and no_proxy to \"127.0.0.1,localhost\", here or in `env` of the target file";

/// One diagnosis for each environment that differs from the others.
pub(super) fn check(environments: &[Environment]) -> Vec<Diagnosis> {
    let mut found: Vec<Diagnosis> = Vec::new();
    for diagnosis in environments.iter().map(check_one) {
        if !found.contains(&diagnosis) {
            found.push(diagnosis);
        }
    }
    // The good news of one program does not matter beside a warning about another.
    if found.iter().any(|diagnosis| diagnosis.state.advice().is_some()) {
        found.retain(|diagnosis| diagnosis.state.advice().is_some());
    }
    found
}

fn check_one(environment: &Environment) -> Diagnosis {
    // The value can hold a password, and is not shown.
    let Some(proxy) = FOR_HTTP.iter().find(|name| environment.get(name).is_some()) else {
        return Diagnosis::ok(
            CHECK,
            match https_proxy(environment) {
                Some(name) => format!("{name} is set, which concerns no call to Vouch's servers"),
                None => "no proxy is set".to_owned(),
            },
        );
    };
    let owner = &environment.owner;
    let exceptions: Vec<_> = EXCEPTIONS.iter().filter_map(|name| Some((*name, environment.get(name)?))).collect();
    let reach = exceptions.iter().map(|(name, list)| (*name, reach_of(list))).min_by_key(|(_, reach)| *reach);
    match reach {
        Some((_, Reach::Named)) => Diagnosis::ok(CHECK, format!("{proxy} is set, and 127.0.0.1 is excepted from it")),
        Some((name, Reach::Block)) => {
            let found = format!("{proxy} is set for {owner}, and {name} excepts 127.0.0.1 only as an address block");
            Diagnosis::warning(CHECK, format!("{found}, which many HTTP clients do not understand"), ADVICE)
        }
        Some((name, Reach::None)) => {
            let found = format!("{proxy} is set for {owner}, and {name} does not except 127.0.0.1");
            Diagnosis::warning(
                CHECK,
                format!("{found}: the calls of a build to Vouch's servers go to the proxy"),
                ADVICE,
            )
        }
        None => {
            let found = format!("{proxy} is set for {owner}, and NO_PROXY is not");
            Diagnosis::warning(
                CHECK,
                format!("{found}: the calls of a build to Vouch's servers go to the proxy"),
                ADVICE,
            )
        }
    }
}

/// The variable that names a proxy for HTTPS, if one is set.
pub(super) fn https_proxy(environment: &Environment) -> Option<&'static str> {
    FOR_HTTPS.iter().find(|name| environment.get(name).is_some()).copied()
}

/// How far a list of exceptions covers 127.0.0.1, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    None,
    Block,
    Named,
}

fn reach_of(list: &str) -> Reach {
    let entries = || list.split([',', ' ']).map(str::trim);
    if entries().any(|entry| entry == "*" || entry == "127.0.0.1") {
        Reach::Named
    } else if entries().any(|entry| entry.starts_with("127.") && entry.contains(['/', '*'])) {
        Reach::Block
    } else {
        Reach::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn found(variables: &[(&str, &str)]) -> (bool, String) {
        let diagnosis = &check(&[Environment::new(variables, Path::new("."))])[0];
        (diagnosis.state.advice().is_some(), diagnosis.found.clone())
    }

    #[test]
    fn a_proxy_that_would_take_calls_to_loopback_is_a_warning_that_does_not_show_its_password() {
        let proxy = ("http_proxy", "http://me:secret@proxy:3128");
        for exceptions in ["example.com", "localhost", "127.0.0.0/8", "10.127.0.0.1"] {
            let (warns, text) = found(&[proxy, ("NO_PROXY", exceptions)]);
            assert!(warns && text.contains("http_proxy is set for [sdk]") && !text.contains("secret"), "{text}");
        }
        assert!(found(&[proxy]).0 && found(&[("ALL_PROXY", "socks5://proxy")]).0);
        assert!(found(&[proxy, ("NO_PROXY", "127.0.0.1"), ("no_proxy", "example.com")]).0, "clients read either");
    }

    #[test]
    fn a_proxy_that_leaves_loopback_alone_is_fine() {
        let proxy = ("HTTP_PROXY", "http://proxy:3128");
        for exceptions in ["127.0.0.1", "example.com, 127.0.0.1,localhost", "*"] {
            assert!(!found(&[proxy, ("no_proxy", exceptions)]).0, "{exceptions}");
        }
        assert!(!found(&[]).0 && !found(&[("HTTPS_PROXY", "http://proxy")]).0 && !found(&[("HTTP_PROXY", "")]).0);
    }
}
