//! The programs that a target file names exist and can be executed.

use super::Diagnosis;
use crate::sut::{AppRole, BackendLaunch, BackendRole, DeviceSpec, Program, ProgramTemplate, SdkRole};
use crate::target_file::{PreviousSource, Target};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const CHECK: &str = "program";
/// Where programs are searched if PATH is not set.
const USUAL_PATH: &str = "/usr/bin:/bin";
/// The longest first line of a script that is read, in bytes.
const FIRST_LINE: u64 = 256;
/// How the names of scripts and archives end that are arguments of an interpreter.
const SCRIPTS: [&str; 10] = [".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".sh", ".php", ".jar", ".dll"];

/// A program of a target file.
pub(super) struct NamedProgram {
    /// Where the target file names it, for example `[sdk]`.
    pub section: String,
    pub program: Program,
}

/// The programs of a target file. A program that variables are a part of is left out.
pub(super) fn of(target: &Target) -> Vec<NamedProgram> {
    let mut programs = Vec::new();
    let mut add = |section: &str, program: Program| {
        programs.push(NamedProgram { section: section.to_owned(), program });
    };
    match &target.sdk {
        Some((_, SdkRole::Command(program))) => add("[sdk]", program.clone()),
        Some((_, SdkRole::Remote(remote))) => {
            if let Some(program) = &remote.spec.program {
                add("[sdk]", without_variables(program));
            }
            hooks(&remote.spec.device).into_iter().for_each(|program| add("[sdk.device]", program));
        }
        _ => {}
    }
    if let Some(PreviousSource::Program(previous)) = &target.previous
        && let SdkRole::Command(program) = &previous.role
    {
        add("[sdk.previous]", program.clone());
    }
    if let Some((_, AppRole::Command(program))) = &target.app {
        add("[app]", program.clone());
    }
    if let Some((_, BackendRole::External(spec))) = &target.backend
        && let BackendLaunch::Started(service) = &spec.run
    {
        add("[backend]", without_variables(&service.program));
    }
    if let Some(cloud) = &target.cloud {
        if let Some(service) = &cloud.service {
            add("[cloud]", without_variables(&service.program));
        }
        for words in cloud.hooks.values() {
            add("[cloud.hooks]", command(words, &cloud.folder));
        }
    }
    programs
}

fn hooks(device: &DeviceSpec) -> Vec<Program> {
    let commands = device.hooks.values().flatten();
    let words = commands.map(|words| words.iter().map(|word| word.0.clone()).collect::<Vec<_>>());
    words
        .filter(|words| !words.first().is_none_or(|first| first.contains('$')))
        .map(|words| command(&words, &device.folder))
        .collect()
}

fn command(words: &[String], folder: &Path) -> Program {
    let (program, args) = words.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
    Program { program: program.into(), args: args.to_vec(), folder: folder.to_owned(), environment: vec![] }
}

/// A program with its variables as the target file writes them.
fn without_variables(program: &ProgramTemplate) -> Program {
    Program {
        program: program.program.clone(),
        args: program.args.iter().map(|arg| arg.0.clone()).collect(),
        folder: program.folder.clone(),
        environment: program.environment.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect(),
    }
}

/// One diagnosis for each program.
pub(super) fn check(programs: &[NamedProgram]) -> Vec<Diagnosis> {
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for NamedProgram { section, program } in programs {
        if !seen.contains(&program.program.as_str()) {
            seen.push(&program.program);
            found.push(check_program(section, program));
        }
        found.extend(missing_script(section, program));
    }
    found
}

fn check_program(section: &str, program: &Program) -> Diagnosis {
    let name = &program.program;
    let path = match find(program) {
        Some(path) => path,
        None if name.contains('/') => {
            let advice = "correct the path in the target file: it is relative to the folder of that file";
            return Diagnosis::problem(CHECK, format!("{section} names `{name}`, which does not exist"), advice);
        }
        None => {
            let advice = "install it, or write its path into the target file";
            return Diagnosis::problem(
                CHECK,
                format!("{section} names `{name}`, which is in no folder of PATH"),
                advice,
            );
        }
    };
    if path.is_dir() {
        let advice = "name the program in it";
        return Diagnosis::problem(CHECK, format!("{section} names `{name}`, which is a folder"), advice);
    }
    if !is_executable(&path) {
        let advice = format!("run `chmod +x {}`, or put its interpreter before it", path.display());
        return Diagnosis::problem(CHECK, format!("{section} names `{name}`, which is not executable"), advice);
    }
    match interpreter_problem(&path, program) {
        Some((what, advice)) => Diagnosis::problem(CHECK, format!("{section} names `{name}`, {what}"), advice),
        None => Diagnosis::ok(CHECK, format!("{section} starts {}", path.display())),
    }
}

/// The file of a program, found as the operating system finds it.
fn find(program: &Program) -> Option<PathBuf> {
    if program.program.contains('/') {
        return Some(program.folder.join(&program.program)).filter(|path| path.exists());
    }
    find_in_path(&program.program, program)
}

/// A program of PATH, which the target file may set.
fn find_in_path(name: &str, program: &Program) -> Option<PathBuf> {
    let own = program.environment.iter().rev().find(|(variable, _)| variable == "PATH").map(|(_, path)| path.clone());
    let path = own.or_else(|| std::env::var("PATH").ok()).unwrap_or_else(|| USUAL_PATH.to_owned());
    let places = std::env::split_paths(&path).map(|folder| program.folder.join(folder).join(name)).collect::<Vec<_>>();
    let is_file = |path: &&PathBuf| path.is_file();
    places.iter().filter(is_file).find(|path| is_executable(path)).or_else(|| places.iter().find(is_file)).cloned()
}

fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Why the first line of a script keeps it from starting, and what to do. The error of the operating system names the script.
fn interpreter_problem(path: &Path, program: &Program) -> Option<(String, String)> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(FIRST_LINE).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    if line.ends_with('\r') {
        let advice = format!("write it with line ends of Unix: `sed -i 's/\\r$//' {}`", path.display());
        return Some(("a script whose lines end as on Windows, so that its interpreter is not found".into(), advice));
    }
    let mut words = line.split_whitespace();
    let interpreter = words.next()?;
    if !program.folder.join(interpreter).exists() {
        let what = format!("a script whose interpreter `{interpreter}` does not exist");
        return Some((what, "install the interpreter, or correct the first line of the script".into()));
    }
    let is_env = interpreter.ends_with("/env");
    let named = words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env)?;
    if find_in_path(named, program).is_some() {
        return None;
    }
    let what = format!("a script whose interpreter `{named}` is in no folder of PATH");
    Some((what, "install the interpreter, or write its path into the first line of the script".into()))
}

/// A script among the arguments that does not exist.
fn missing_script(section: &str, program: &Program) -> Option<Diagnosis> {
    let is_name = |arg: &&String| {
        SCRIPTS.iter().any(|ending| arg.ends_with(ending))
            && arg.chars().all(|character| character.is_alphanumeric() || "./_-".contains(character))
            && !arg.starts_with('-')
    };
    let missing = program.args.iter().filter(is_name).find(|arg| !program.folder.join(arg).exists())?;
    let found = format!("{section} passes `{missing}` to {}, and there is no such file", program.program);
    let advice = "correct the name: the program runs in the folder of the target file";
    Some(Diagnosis::warning("argument", found, advice))
}
