//! The files of certificate authorities that environment variables name are there, and hold certificates.

use super::Diagnosis;
use super::environment::Environment;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const CHECK: &str = "CA files";
/// What OpenSSL, rustls, Node, Python's requests and curl read.
const FILES: [&str; 4] = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
const FOLDERS: &str = "SSL_CERT_DIR";
/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 8 << 20;
const HEAD: &str = "-----BEGIN CERTIFICATE-----";
const TRUSTED: &str = "-----BEGIN TRUSTED CERTIFICATE-----";

/// One diagnosis for each variable that names a file that is of no use.
pub(super) fn check(environments: &[Environment]) -> Vec<Diagnosis> {
    let mut found: Vec<Diagnosis> = Vec::new();
    let mut named = Vec::new();
    for environment in environments {
        for (variable, value) in variables(environment) {
            match problem(&environment.path(value)) {
                None => named.push(variable),
                Some(what) => {
                    let advice = format!("correct {variable}, or unset it");
                    let text = format!("{variable} of {} names {value}, {what}", environment.owner);
                    found.push(Diagnosis::problem(CHECK, text, advice));
                }
            }
        }
    }
    found.dedup();
    if found.is_empty() {
        named.sort_unstable();
        named.dedup();
        found.push(Diagnosis::ok(
            CHECK,
            match named.as_slice() {
                [] => "no variable names any; HTTPS trusts the authorities of this machine".to_owned(),
                named => format!("{} can be read", named.join(" and ")),
            },
        ));
    }
    found
}

fn variables(environment: &Environment) -> Vec<(&'static str, &str)> {
    let files = FILES.iter().filter_map(|name| Some((*name, environment.get(name)?)));
    let folders = environment.get(FOLDERS).into_iter().flat_map(|list| list.split(':'));
    files.chain(folders.map(|folder| (FOLDERS, folder))).filter(|(_, value)| !value.is_empty()).collect()
}

/// Why a file or folder of certificates is of no use.
fn problem(path: &Path) -> Option<&'static str> {
    let Ok(metadata) = path.metadata() else { return Some("which does not exist") };
    if metadata.is_dir() {
        return std::fs::read_dir(path).is_err().then_some("a folder that cannot be read");
    }
    if !metadata.is_file() {
        return Some("which is not a file");
    }
    let mut text = Vec::new();
    if File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut text)).is_err() {
        return Some("which cannot be read");
    }
    let text = String::from_utf8_lossy(&text);
    (!text.contains(HEAD) && !text.contains(TRUSTED)).then_some("which holds no certificate in PEM form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_names_no_file_of_certificates_is_a_problem() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("good.pem"), format!("{HEAD}\nAA==\n")).expect("writable");
        std::fs::write(folder.path().join("key.pem"), "-----BEGIN PRIVATE KEY-----\n").expect("writable");
        let found = |variable, value| check(&[Environment::new(&[(variable, value)], folder.path())])[0].clone();
        assert!(!found("SSL_CERT_FILE", "good.pem").is_problem(), "relative to the program's folder");
        assert!(!found("SSL_CERT_DIR", "/").is_problem() && !found("SSL_CERT_FILE", "").is_problem());
        let cases = [
            ("SSL_CERT_FILE", "nowhere.pem", "does not exist"),
            ("NODE_EXTRA_CA_CERTS", "key.pem", "holds no certificate"),
            ("REQUESTS_CA_BUNDLE", "/dev/zero", "is not a file"),
            ("SSL_CERT_DIR", "/no/such/folder", "does not exist"),
        ];
        for (variable, value, words) in cases {
            let diagnosis = found(variable, value);
            assert!(diagnosis.is_problem() && diagnosis.found.contains(words), "{diagnosis:?}");
        }
    }
}
