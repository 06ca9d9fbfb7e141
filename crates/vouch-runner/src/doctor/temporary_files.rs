//! An adapter uses the folder that `TMPDIR` names. The JVM does not by itself, so that its temporary files escape the search for
//! tokens.

use super::Diagnosis;
use crate::sut::{OutsideFiles, SdkRole};
use std::path::{Path, PathBuf};

const CHECK: &str = "TMPDIR";
const FOR_JVM: &str = "start it with `JAVA_TOOL_OPTIONS=\"-Djava.io.tmpdir=$TMPDIR\"`, for example command = \
                       [\"sh\", \"-c\", 'JAVA_TOOL_OPTIONS=\"-Djava.io.tmpdir=$TMPDIR\" exec java …']";

/// `folder`: what `TMPDIR` names. `outside`: the files that the adapter made elsewhere, where that is seen. `None` if nothing
/// can be said.
pub(super) fn check(folder: &Path, role: &SdkRole, outside: Option<&OutsideFiles>) -> Option<Diagnosis> {
    match role {
        SdkRole::Command(program) if program.environment.iter().any(|(name, _)| name == "TMPDIR") => {
            let found = "the target file sets TMPDIR, so that all cases share one folder, and no token in it is found";
            return Some(Diagnosis::warning(CHECK, found, "remove TMPDIR from `env`: Vouch gives each case a folder"));
        }
        SdkRole::Remote(remote) if !remote.starts_program() => return None,
        _ => {}
    }
    if let Some(jvm) = jvm_that_ignores(folder) {
        let found = format!("`{jvm}` is a JVM, which ignores TMPDIR: tokens in its temporary files are not found");
        return Some(Diagnosis::warning(CHECK, found, FOR_JVM));
    }
    let own = match role {
        SdkRole::Command(program) => Some(program.folder.clone()),
        _ => None,
    };
    let strays: Vec<_> = outside.map(OutsideFiles::paths).unwrap_or_default();
    let stray = strays.into_iter().find(|path| is_temporary(path, own.as_deref()));
    Some(match stray {
        Some(path) => Diagnosis::warning(
            CHECK,
            format!("the adapter writes {}, not below TMPDIR: tokens in such files are not found", path.display()),
            "use the folder that the environment variable TMPDIR names",
        ),
        None if outside.is_some() => Diagnosis::ok(CHECK, "no temporary file was made elsewhere during the start"),
        None => Diagnosis::ok(CHECK, "a folder of each case; whether the adapter uses it is not seen on this machine"),
    })
}

/// Whether a file is in a folder for temporary files, and not the build's own. A JVM writes its performance data to `/tmp`, whatever
/// it is told; no token is in them.
fn is_temporary(path: &Path, own: Option<&Path>) -> bool {
    let folders: [PathBuf; 3] = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let own = own.and_then(|own| own.canonicalize().ok());
    let is_data = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("hsperfdata_"));
    folders.iter().any(|folder| path.starts_with(folder)) && !own.is_some_and(|own| path.starts_with(own)) && !is_data
}

/// The command of a JVM whose environment has this TMPDIR, and that no option tells to use it.
fn jvm_that_ignores(folder: &Path) -> Option<String> {
    let variable = format!("TMPDIR={}", folder.display());
    let mut processes = std::fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    processes.find_map(|process| ignores(&process, &variable, folder))
}

fn ignores(process: &Path, variable: &str, folder: &Path) -> Option<String> {
    let list = |name: &str| {
        let text = std::fs::read(process.join(name)).ok()?;
        Some(text.split(|byte| *byte == 0).map(|item| String::from_utf8_lossy(item).into_owned()).collect::<Vec<_>>())
    };
    let environment = list("environ")?;
    let words = list("cmdline")?;
    let is_java = |path: &Path| path.file_name().is_some_and(|name| name == "java");
    let is_jvm = words.first().is_some_and(|word| is_java(Path::new(word)))
        || std::fs::read_link(process.join("exe")).is_ok_and(|exe| is_java(&exe));
    let setting = format!("-Djava.io.tmpdir={}", folder.display());
    let options = ["JAVA_TOOL_OPTIONS=", "JDK_JAVA_OPTIONS=", "_JAVA_OPTIONS="];
    let passed = environment.iter().filter(|item| options.iter().any(|name| item.starts_with(name)));
    let is_told = words.iter().chain(passed).any(|text| text.contains(&setting));
    (environment.iter().any(|item| item == variable) && is_jvm && !is_told).then(|| words[0].clone())
}
