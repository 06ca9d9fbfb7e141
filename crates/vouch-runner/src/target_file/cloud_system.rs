//! The parts of `[cloud]` that only loads need: what the cloud runs on, and where its CPU, memory and queue can be read.

use super::file::CommandLine;
use super::resolve::{CLOUD, Resolver};
use crate::sut::{DescribeSource, MetricNames, MetricsFrom, MetricsSpec, SystemDescription, USUAL_CPU, USUAL_MEMORY};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::fmt;
use vouch_spec::text::Spanned;

/// A description, or the command that prints one as JSON.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum DescribeSection {
    Table(SystemDescription),
    Command(Vec<String>),
}

/// Where the metrics of a cloud are, in the Prometheus text format, and how they are called. It has `url` or `command`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsSection {
    /// A path at the cloud that Vouch starts, or a whole URL. `$port` is replaced.
    #[serde(default)]
    pub url: Option<Spanned<String>>,
    /// A command that prints the metrics.
    #[serde(default)]
    pub command: Option<CommandLine>,
    /// The counter of CPU time in seconds. Default: `process_cpu_seconds_total`.
    #[serde(default)]
    pub cpu: Option<String>,
    /// The gauge of memory in bytes. Default: `process_resident_memory_bytes`.
    #[serde(default)]
    pub memory: Option<String>,
    /// The gauge of requests that wait. Default: none.
    #[serde(default)]
    pub queue: Option<String>,
}

impl<'de> Deserialize<'de> for DescribeSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = DescribeSection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with version, commit, instances, vcpus and so on, or a command as a list of words")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DescribeSection, A::Error> {
                SystemDescription::deserialize(MapAccessDeserializer::new(map)).map(DescribeSection::Table)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<DescribeSection, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = items.next_element::<String>()? {
                    words.push(word);
                }
                if words.first().is_none_or(String::is_empty) {
                    return Err(de::Error::custom("`describe` is empty: give a program and its arguments"));
                }
                Ok(DescribeSection::Command(words))
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

impl Resolver<'_> {
    /// A relative program path is relative to the folder of the target file.
    pub(super) fn describe(&self, section: DescribeSection) -> DescribeSource {
        match section {
            DescribeSection::Table(description) => DescribeSource::Table(description),
            DescribeSection::Command(words) => {
                let mut words = words.into_iter();
                let program = words.next().map(|program| self.program(program));
                DescribeSource::Command(program.into_iter().chain(words).collect())
            }
        }
    }

    /// `has_service`: Vouch starts the cloud, so that a path alone says where it is.
    pub(super) fn metrics(&self, section: Spanned<MetricsSection>, has_service: bool) -> Option<MetricsSpec> {
        let (span, section) = (section.span, section.value);
        let from = match (section.url, section.command) {
            (Some(url), None) => {
                if url.value.starts_with('/') && !has_service {
                    let message = format!("`{}` is a path, and Vouch does not start this cloud", url.value);
                    self.decoder.wrong(url.span, message, "write the whole URL of the metrics");
                }
                MetricsFrom::Url(self.path_or_url(&url, &CLOUD))
            }
            (None, Some(command)) => MetricsFrom::Command(self.words(command)),
            _ => {
                let help = "`url` for a Prometheus endpoint, or `command` for a program that prints its text";
                self.decoder.wrong(span, "the metrics of a cloud have either `url` or `command`", help);
                return None;
            }
        };
        let names = MetricNames {
            cpu: section.cpu.unwrap_or_else(|| USUAL_CPU.to_owned()),
            memory: section.memory.unwrap_or_else(|| USUAL_MEMORY.to_owned()),
            queue: section.queue,
        };
        Some(MetricsSpec { from, names })
    }
}

#[cfg(test)]
mod tests {
    use crate::sut::{CloudSpec, DescribeSource, MetricsFrom};
    use crate::target_file::Target;
    use vouch_spec::text::Source;

    fn cloud(extra: &str) -> Result<CloudSpec, Vec<String>> {
        let text = format!(
            "[cloud]\nname = \"acme\"\n{extra}\n[[cloud.realms]]\nenvironment = \"sandbox\"\nregion = \"us\"\n\
             api = \"http://127.0.0.1:1\"\nauth = \"http://127.0.0.1:2\"\napiKey = \"k\"\n"
        );
        let target = Target::parse(&Source::new("vouch.toml", text));
        let target = target.map_err(|problems| problems.into_iter().map(|one| one.message).collect::<Vec<_>>())?;
        target.cloud.ok_or_else(Vec::new)
    }

    #[test]
    fn a_cloud_is_described_by_a_table_or_a_command() {
        let table = "[cloud.describe]\nversion = \"2.1\"\nvcpus = 4\nconfiguration = { pool = \"20\" }";
        let Some(DescribeSource::Table(description)) = cloud(table).expect("a cloud").describe else {
            panic!("no table");
        };
        assert_eq!((description.version.as_deref(), description.usable_vcpus()), (Some("2.1"), Some(4.0)));
        let Some(DescribeSource::Command(words)) =
            cloud("describe = [\"kubectl\", \"version\"]").expect("a cloud").describe
        else {
            panic!("no command");
        };
        assert_eq!(words, ["kubectl", "version"]);
    }

    #[test]
    fn metrics_have_the_usual_names() {
        let text = "[cloud.metrics]\nurl = \"http://127.0.0.1:9100/metrics\"\nqueue = \"waiting\"";
        let metrics = cloud(text).expect("a cloud").metrics.expect("metrics");
        assert!(matches!(metrics.from, MetricsFrom::Url(_)));
        assert_eq!(metrics.names.cpu, "process_cpu_seconds_total");
        assert_eq!(metrics.names.queue.as_deref(), Some("waiting"));
    }

    #[test]
    fn mistakes_are_named() {
        for (extra, part) in [
            ("describe = []", "`describe` is empty"),
            ("describe = 7", "a table with version"),
            ("[cloud.describe]\ncpus = 4", "unknown field `cpus`"),
            ("[cloud.metrics]\nqueue = \"q\"", "either `url` or `command`"),
            ("[cloud.metrics]\nurl = \"/metrics\"", "Vouch does not start this cloud"),
            ("[cloud.metrics]\nurl = \"nowhere\"", "neither a path nor a URL"),
        ] {
            let found = cloud(extra).err().unwrap_or_default();
            assert!(found.iter().any(|message| message.contains(part)), "{extra}: {found:?}");
        }
    }
}
