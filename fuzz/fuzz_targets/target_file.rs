//! Parses any text as a target file and renders every diagnostic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch_runner::target_file::Target;
use vouch_spec::text::{Diagnostics, Source};

fuzz_target!(|text: &str| {
    if let Err(problems) = Target::parse(&Source::new("folder/vouch.toml", text)) {
        let _ = Diagnostics(problems).tidy().render(true);
    }
});
