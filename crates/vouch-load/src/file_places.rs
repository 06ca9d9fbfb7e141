//! Where a load file has what is wrong with its load: the mistakes that show only when file and options are combined.

use super::file::{LoadFile, Overrides};
use super::plan::{PlanError, RANGES};
use super::threshold::Threshold;
use vouch_spec::text::{Decoder, Diagnostic, Source, Span, Spanned};

impl LoadFile {
    /// The numbers of the file that have a range, by name.
    fn numbers(&self) -> [(&'static str, Option<&Spanned<u32>>); 6] {
        [
            ("threads", self.threads.as_ref()),
            ("connections", self.connections.as_ref()),
            ("installations", self.installations.as_ref()),
            ("users", self.users.as_ref()),
            ("tokens", self.tokens.as_ref()),
            ("retries", self.retries.as_ref()),
        ]
    }

    /// Reports numbers that no load can have.
    pub(super) fn check_numbers(&self, decoder: &Decoder) {
        for (field, number) in self.numbers() {
            let range = RANGES.iter().find(|(name, ..)| *name == field);
            let (Some(number), Some((_, _, min, max))) = (number, range) else { continue };
            // A load that needs no tokens has none; a file that asks for none means something else.
            let min = if field == "tokens" { 1 } else { *min };
            if !(min..=*max).contains(&number.value) {
                let what = format!("`{field}` is {}; it must be {min} to {max}", number.value);
                decoder.wrong(number.span, what, "without the field, the load has its default");
            }
        }
    }

    /// The error of [`Self::resolve`] at its place in the file; `None` if it is about an option or about a default.
    pub fn diagnostic(&self, source: &Source, error: &PlanError, overrides: &Overrides) -> Option<Diagnostic> {
        Some(Diagnostic::new(source, self.place(error, overrides)?, error.to_string()))
    }

    fn place(&self, error: &PlanError, overrides: &Overrides) -> Option<Span> {
        let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.span);
        let arrivals = text(&self.arrivals).filter(|_| overrides.arrivals.is_none());
        let duration = text(&self.duration).filter(|_| overrides.duration.is_none());
        let installations = self.installations.as_ref().filter(|_| overrides.installations.is_none());
        let threshold = |of: &Threshold| {
            let is_it = |text: &&Spanned<String>| text.value.parse().is_ok_and(|own: Threshold| own == *of);
            self.thresholds.iter().find(is_it).map(|text| text.span)
        };
        match error {
            PlanError::OnlyWarmUp { .. } => text(&self.warm_up).filter(|_| overrides.warm_up.is_none()).or(duration),
            PlanError::NoArrivals { .. } | PlanError::SpikeTooLong { .. } => arrivals.or(duration),
            PlanError::Arrivals(_) | PlanError::FaultsWithoutSchedule => arrivals,
            PlanError::UnknownSeries { threshold: of, .. } | PlanError::ImpossibleRate { threshold: of, .. } => {
                threshold(of)
            }
            PlanError::FaultTooLate { fault, .. } | PlanError::FaultHitsNothing { fault, .. } => {
                self.faults.iter().find(|entry| entry.resolve().as_ref() == Some(fault)).map(|entry| entry.place(error))
            }
            PlanError::NoInstallations | PlanError::TooFewInstallations { .. } => {
                installations.map(|number| number.span).or(arrivals)
            }
            PlanError::NoTokens => self.workload.as_ref().map(|name| name.span),
            PlanError::OutOfRange { field, .. } => {
                self.numbers().into_iter().find(|(name, _)| name == field)?.1.map(|number| number.span)
            }
            PlanError::TooLong => duration,
            PlanError::UnknownWorkload { .. }
            | PlanError::Threshold(_)
            | PlanError::CannotBeUnchecked
            | PlanError::ZeroTimeout => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, overrides: &Overrides) -> Option<String> {
        let source = Source::new("load.yaml", text);
        let file = LoadFile::parse(&source).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let error = file.resolve(overrides, None).expect_err(text);
        file.diagnostic(&source, &error, overrides).map(|found| found.place())
    }

    #[test]
    fn a_mistake_of_the_whole_load_has_the_place_of_its_cause() {
        for (text, expected) in [
            ("title: a\nwarmUp: 10s\n", "load.yaml:2:9"),
            ("arrivals: spike 10 at 9s within 2s over 1/s\n", "load.yaml:1:11"),
            ("thresholds:\n  - p99<1s\n  - exchange p99<1s\n", "load.yaml:3:5"),
            ("arrivals: 100/s\nthresholds: [rate>=500/s]\n", "load.yaml:2:14"),
            ("faults:\n  - {from: 1s, until: 20s, answers: lost}\n", "load.yaml:2:23"),
            ("faults:\n  - {from: 1s, until: 2s, answers: lost, at: issue}\n", "load.yaml:2:46"),
            ("arrivals: max\ninstallations: 3\n", "load.yaml:2:16"),
            ("retries: 2\narrivals: max\n", "load.yaml:2:11"),
        ] {
            assert_eq!(place(text, &Overrides::default()).as_deref(), Some(expected), "{text}");
        }
        // What an option says has no place in the file.
        let overrides = Overrides { arrivals: "max".parse().ok(), ..Overrides::default() };
        assert_eq!(place("arrivals: 5/s\nretries: 2\n", &overrides), None);
    }

    #[test]
    fn a_number_without_meaning_is_refused_at_its_place() {
        for field in ["connections", "users", "tokens", "threads"] {
            let source = Source::new("load.yaml", format!("{field}: 0\n"));
            let problems = LoadFile::parse(&source).expect_err(field);
            assert_eq!(problems[0].place(), format!("load.yaml:1:{}", field.len() + 3));
            assert!(problems[0].message.starts_with(&format!("`{field}` is 0; it must be 1 to ")), "{problems:?}");
        }
        assert!(LoadFile::parse(&Source::new("load.yaml", "retries: 101\n")).is_err());
        assert!(LoadFile::parse(&Source::new("load.yaml", "retries: 0\ninstallations: 0\n")).is_ok());
    }
}
