//! The resource limits of this process, which the programs that it starts inherit.

use super::Diagnosis;
use crate::resource_limits::{jobs, open_file_limit};
use rlimit::Resource;

/// A report or a record can be this long, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// A JVM and a Node process have about thirty threads each; eight cases run at once.
const PROCESSES: u64 = 512;
/// What a JVM or Node reserves at its start, in bytes.
const ADDRESS_SPACE: u64 = 4 << 30;

/// One diagnosis for open files, and one for each other limit that is low.
pub(super) fn check() -> Vec<Diagnosis> {
    let mut found = vec![open_files()];
    let soft = |resource: Resource| resource.get().map_or(rlimit::INFINITY, |(soft, _)| soft);
    let low = [
        ("file size", Resource::FSIZE, LARGEST_FILE, "ulimit -f unlimited", "records and reports are cut"),
        ("processes", Resource::NPROC, PROCESSES, "ulimit -u 4096", "a build cannot start its threads"),
        ("memory", Resource::AS, ADDRESS_SPACE, "ulimit -v unlimited", "a build with a JVM or Node does not start"),
    ];
    for (check, resource, least, command, effect) in low {
        let limit = soft(resource);
        if limit < least {
            let text = format!("the limit on {check} is {limit} {}, so {effect}", unit(resource));
            found.push(Diagnosis::warning(check, text, format!("raise it: `{command}`")));
        }
    }
    found
}

fn unit(resource: Resource) -> &'static str {
    if resource == Resource::NPROC { "for all programs of this user" } else { "bytes" }
}

fn open_files() -> Diagnosis {
    const CHECK: &str = "open files";
    match jobs(None) {
        Ok(jobs) => Diagnosis::ok(CHECK, format!("{} may be open, enough for {jobs} cases at once", open_file_limit())),
        Err(error) => Diagnosis::problem(
            CHECK,
            format!("only {} may be open at once, and one case needs {}", error.limit, error.needed),
            format!("raise the limit: `ulimit -n {}`", error.needed.max(1024)),
        ),
    }
}
