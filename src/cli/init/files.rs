//! The files that `vouch init` writes. Their texts are those of `templates/`, of the kits `adapters/node` and `adapters/python`, and
//! of the gates in `ci/gates`, embedded in the program.

use super::{Choice, Ci, Language, Part};

/// A file to write.
pub(super) struct NewFile {
    /// Where, in the folder of the command.
    pub path: String,
    pub text: String,
    /// What it is, for the list of written files.
    pub what: &'static str,
    pub executable: bool,
}

/// The files of the Node kit, below `vouch-kit/`.
const NODE_KIT: [(&str, &str); 7] = [
    ("vouch-adapter.mjs", include_str!("../../../adapters/node/vouch-adapter.mjs")),
    ("lib/channel.mjs", include_str!("../../../adapters/node/lib/channel.mjs")),
    ("lib/clock.mjs", include_str!("../../../adapters/node/lib/clock.mjs")),
    ("lib/errors.mjs", include_str!("../../../adapters/node/lib/errors.mjs")),
    ("lib/params.mjs", include_str!("../../../adapters/node/lib/params.mjs")),
    ("lib/peer.mjs", include_str!("../../../adapters/node/lib/peer.mjs")),
    ("lib/serve.mjs", include_str!("../../../adapters/node/lib/serve.mjs")),
];

/// The library of the Python kit, in `vouch_adapter/`.
const PYTHON_KIT: [(&str, &str); 10] = [
    ("__init__.py", include_str!("../../../adapters/python/vouch_adapter/__init__.py")),
    ("adapter.py", include_str!("../../../adapters/python/vouch_adapter/adapter.py")),
    ("call.py", include_str!("../../../adapters/python/vouch_adapter/call.py")),
    ("channel.py", include_str!("../../../adapters/python/vouch_adapter/channel.py")),
    ("errors.py", include_str!("../../../adapters/python/vouch_adapter/errors.py")),
    ("host.py", include_str!("../../../adapters/python/vouch_adapter/host.py")),
    ("launch.py", include_str!("../../../adapters/python/vouch_adapter/launch.py")),
    ("peer.py", include_str!("../../../adapters/python/vouch_adapter/peer.py")),
    ("serve.py", include_str!("../../../adapters/python/vouch_adapter/serve.py")),
    ("server.py", include_str!("../../../adapters/python/vouch_adapter/server.py")),
];

/// The target file first, then the adapter and the CI step.
pub(super) fn of(choice: &Choice) -> Vec<NewFile> {
    let mut files = vec![file("vouch.toml", target(choice), "the target file: what Vouch tests")];
    match (choice.part, choice.language) {
        (Part::Sdk, Language::Python) => {
            let template = include_str!("../../../adapters/python/template.py");
            let adapter = template.replace("template.py: fill in", "adapter.py: fill in");
            files.push(file("adapter.py", skeleton(&adapter, choice), "the adapter, to fill in"));
            files.extend(library("vouch_adapter", &PYTHON_KIT));
        }
        (Part::App, Language::Python) => {
            files.push(file(
                "adapter.py",
                skeleton(include_str!("templates/app_adapter.py"), choice),
                "the adapter, to fill in",
            ));
        }
        (Part::Sdk, Language::Node) => {
            let template = include_str!("../../../adapters/node/template.mjs");
            let adapter = template.replace("'./vouch-adapter.mjs'", "'./vouch-kit/vouch-adapter.mjs'");
            let adapter = adapter.replace("template.mjs: fill in", "adapter.mjs: fill in");
            files.push(file("adapter.mjs", skeleton(&adapter, choice), "the adapter, to fill in"));
            files.extend(library("vouch-kit", &NODE_KIT));
        }
        _ => {}
    }
    files.extend(ci_step(choice.ci));
    files
}

fn file(path: &str, text: String, what: &'static str) -> NewFile {
    NewFile { path: path.into(), text, what, executable: false }
}

/// The files of a kit's library, in a folder of their own.
fn library<'a>(folder: &'a str, files: &'a [(&str, &str)]) -> impl Iterator<Item = NewFile> + 'a {
    files
        .iter()
        .map(move |(path, text)| file(&format!("{folder}/{path}"), (*text).into(), "speaks the adapter protocol"))
}

/// A skeleton with the build's name in it.
fn skeleton(template: &str, Choice { name, .. }: &Choice) -> String {
    let names = [
        ("\"my-sdk\"", format!("\"{name}\"")),
        ("\"my-app\"", format!("\"{name}\"")),
        ("'my-sdk'", format!("'{name}'")),
    ];
    names.into_iter().fold(template.to_owned(), |text, (from, to)| text.replace(from, &to))
}

fn target(choice: &Choice) -> String {
    let template = match choice.part {
        Part::Sdk | Part::App => include_str!("templates/adapter.toml"),
        Part::Backend => include_str!("templates/backend.toml"),
        Part::Cloud => include_str!("templates/cloud.toml"),
    };
    let text = template.replace("{command}", command(choice)).replace("{section}", choice.part.section());
    text.replace("{name}", &choice.name)
}

/// The key `command` of an adapter, with its comment.
fn command(choice: &Choice) -> &'static str {
    match choice.language {
        Language::Python => {
            "# The adapter, started in this file's folder. `-I -S` starts fast; delete both where the SDK is an installed package.\n\
             command = [\"python3\", \"-I\", \"-S\", \"adapter.py\"]"
        }
        Language::Node if choice.part == Part::Sdk => {
            "# The adapter, started in this file's folder.\ncommand = [\"node\", \"adapter.mjs\"]"
        }
        Language::Node => {
            "# FILL IN: the adapter, started in this file's folder. docs/app-protocol.md of Vouch describes what it speaks.\n\
             command = [\"node\", \"adapter.mjs\"]"
        }
        Language::Jvm => {
            "# FILL IN: the adapter, started in this file's folder. A JVM does not use TMPDIR by itself, so it is told here.\n\
             # docs/adapter-protocol.md of Vouch describes what the adapter speaks, docs/sdk-authors.md has advice for the JVM.\n\
             command = [\"sh\", \"-c\", 'exec java -Djava.io.tmpdir=\"$TMPDIR\" -jar adapter.jar']"
        }
        Language::Other => {
            "# FILL IN: the adapter, started in this file's folder. docs/adapter-protocol.md of Vouch describes what it speaks.\n\
             command = [\"./adapter\"]"
        }
    }
}

impl Language {
    /// Whether there is a skeleton in this language.
    #[cfg(test)]
    pub(super) fn has_skeleton(self, part: Part) -> bool {
        self == Language::Python || self == Language::Node && part == Part::Sdk
    }
}

/// The CI step: the templates of `ci/gates`.
fn ci_step(ci: Ci) -> Option<NewFile> {
    let what = "the CI step; its first lines say what to replace";
    match ci {
        Ci::Github => {
            let text = include_str!("../../../ci/gates/github/workflow.yml");
            Some(file(".github/workflows/conformance.yml", text.into(), what))
        }
        Ci::Gitlab => {
            let text = include_str!("../../../ci/gates/gitlab/vouch.gitlab-ci.yml");
            Some(file("vouch.gitlab-ci.yml", text.into(), what))
        }
        Ci::Jenkins => Some(file("Jenkinsfile", include_str!("../../../ci/gates/jenkins/Jenkinsfile").into(), what)),
        Ci::Shell => {
            let text = include_str!("../../../ci/gates/vouch-gate.sh");
            Some(NewFile { executable: true, ..file("vouch-gate.sh", text.into(), what) })
        }
        Ci::None => None,
    }
}
