//! Any text as a target file, with every problem rendered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch_runner::target_file::Target;
use vouch_spec::text::{Problems, Source};

fuzz_target!(|text: &str| {
    if let Err(problems) = Target::parse(&Source::new("folder/vouch.toml", text)) {
        let _ = Problems(problems).tidy().render(true);
    }
});
