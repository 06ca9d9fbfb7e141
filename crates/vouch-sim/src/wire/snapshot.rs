//! Wire snapshots in insta's format: stable over ids, times, ports, and over the realm that a case happens to use.

use super::redact::Redactor;
use super::render;
use super::transcript::Exchange;
use std::path::Path;
use vouch_spec::protocol::Realm;

/// A `.snap` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The scenario file.
    pub source: String,
    pub contents: String,
}

/// The transcript without what differs from run to run. Realms are named by how they differ from the scenario's own.
pub fn render(exchanges: &[Exchange], redactor: &Redactor, home: Realm) -> String {
    let mut out = String::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        out.push_str(render::stable(index + 1, exchange, redactor).as_str());
        out.push('\n');
    }
    for realm in Realm::all() {
        let relation = match (realm.environment == home.environment, realm.region == home.region) {
            (true, true) => "home",
            (true, false) => "other region",
            (false, true) => "other environment",
            (false, false) => "other environment and region",
        };
        out = out.replace(&realm.to_string(), relation);
    }
    normal(&out)
}

/// As insta keeps contents: blank lines at the end do not count.
fn normal(contents: &str) -> String {
    format!("{}\n", contents.trim_end())
}

/// Reads a `.snap` file; none when there is none.
pub fn read(path: &Path) -> std::io::Result<Option<Snapshot>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    parse(&text).map(Some)
}

/// Parses the text of a `.snap` file.
pub fn parse(text: &str) -> std::io::Result<Snapshot> {
    let broken = || std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not a snapshot file");
    let (head, contents) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).ok_or_else(broken)?;
    let source = head.lines().find_map(|line| line.strip_prefix("source: ")).unwrap_or_default();
    Ok(Snapshot { source: source.trim_matches('"').to_owned(), contents: normal(contents) })
}

/// Writes a `.snap` file as `cargo insta` reads it.
pub fn write(path: &Path, snapshot: &Snapshot) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let plain = snapshot.source.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c));
    let source =
        if plain { snapshot.source.clone() } else { serde_json::Value::from(snapshot.source.as_str()).to_string() };
    std::fs::write(path, format!("---\nsource: {source}\nexpression: wire\n---\n{}", snapshot.contents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("deep/x.snap");
        assert_eq!(read(&path).expect("readable"), None);
        let snapshot = Snapshot { source: "a \"b\".yaml".into(), contents: "1  one\n---\n2  two\n".into() };
        write(&path, &snapshot).expect("writable");
        assert_eq!(read(&path).expect("readable").map(|s| s.contents), Some(snapshot.contents));
    }
}
