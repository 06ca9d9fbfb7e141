//! The console report of hostile texts.

use crate::common::{failing, hostile, hostile_with, unsafe_characters};
use vouch_report::{Console, Detail};
use vouch_runner::record::RunRecord;

fn console(record: &RunRecord) -> String {
    let mut out = Vec::new();
    let detail = Detail { every_case: true, every_finding: true };
    record.replay(&mut Console::new(&mut out, detail, false)).expect("written to memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    assert_eq!(unsafe_characters(&console(&hostile())), "");
    assert!(console(&failing()).contains("the build does not conform"));
}

#[test]
fn a_text_of_a_megabyte_is_cut() {
    let console = console(&hostile_with(&"x".repeat(1 << 20)));
    assert!(console.len() < 4 << 20, "{} bytes", console.len());
    assert!(console.contains(" characters)"));
}
