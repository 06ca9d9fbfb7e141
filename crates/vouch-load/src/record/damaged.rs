//! Damaged records: whatever a file holds, reading it ends with a record of which every report can be made, or with an error.

use super::{LoadEvent, LoadRecord};
use crate::report::LoadReportFormat;
use crate::report::fixtures::{failing, faulty, nothing, record, steady};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::LazyLock;

/// The lines of three sound records.
static SOUND: LazyLock<[Vec<Value>; 4]> = LazyLock::new(|| {
    [steady(), failing(), nothing(), faulty()].map(|round| {
        let LoadRecord { settings, mut result } = record(round);
        let intervals = std::mem::take(&mut result.round.intervals);
        let events = [
            LoadEvent::LoadStarted(Box::new(settings)),
            LoadEvent::Seconds { intervals },
            LoadEvent::LoadFinished(Box::new(result)),
        ];
        events.map(|event| serde_json::to_value(event).expect("JSON")).to_vec()
    })
});

fn compressed(lines: &[Value]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    zstd::encode_all(text.as_bytes(), 1).expect("compressed")
}

/// Reads the bytes of a record and makes every report of it. Returns whether they are one.
fn read(bytes: Vec<u8>) -> bool {
    match LoadRecord::parse(Path::new("damaged.vouch"), bytes) {
        Ok(record) => {
            for (_, format) in LoadReportFormat::ALL {
                assert!(!format.render(&record).is_empty());
            }
            record.write_summary(&mut Vec::new(), false).expect("memory can be written to");
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("damaged.vouch"), "{error}");
            false
        }
    }
}

/// What happens to one value of a record.
#[derive(Clone, Debug)]
enum Damage {
    Replaced(Value),
    Removed,
    Twice,
}

fn damage() -> impl Strategy<Value = Damage> {
    let numbers = prop_oneof![
        Just(json!(0)),
        Just(json!(1)),
        Just(json!(u64::MAX)),
        Just(json!(1_u64 << 44)),
        Just(json!(i64::MIN)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(1e308)),
        Just(json!(-0.5))
    ];
    let texts = prop_oneof![
        Just(String::new()),
        ".{0,12}",
        Just("\u{1b}[2J\u{0}".to_owned()),
        Just("9999-12-31T23:59:60Z".to_owned())
    ];
    let others =
        prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!([])), Just(json!({})), Just(json!([[0, 0]]))];
    prop_oneof![
        4 => numbers.prop_map(Damage::Replaced),
        2 => texts.prop_map(|text| Damage::Replaced(json!(text))),
        2 => others.prop_map(Damage::Replaced),
        1 => Just(Damage::Removed),
        1 => Just(Damage::Twice),
    ]
}

/// The number of values in a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// Damages the value that comes `at` places after this one, which is the first.
fn apply(value: &mut Value, mut at: usize, damage: &Damage) {
    match value {
        Value::Array(list) if at > 0 => {
            at -= 1;
            for position in 0..list.len() {
                let size = count(&list[position]);
                match (at, damage) {
                    (0, Damage::Removed) => drop(list.remove(position)),
                    (0, Damage::Twice) => list.insert(position, list[position].clone()),
                    (at, damage) if at < size => apply(&mut list[position], at, damage),
                    _ => {
                        at -= size;
                        continue;
                    }
                }
                return;
            }
        }
        Value::Object(map) if at > 0 => {
            at -= 1;
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                let size = count(&map[&key]);
                if at >= size {
                    at -= size;
                    continue;
                }
                match (at, damage) {
                    (0, Damage::Removed) => drop(map.shift_remove(&key)),
                    (0, Damage::Twice) => drop(map.insert(format!("{key}2"), map[&key].clone())),
                    (at, damage) => apply(&mut map[&key], at, damage),
                }
                return;
            }
        }
        value => {
            if let Damage::Replaced(with) = damage {
                *value = with.clone();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_record_with_other_values_is_read_or_refused(
        which in 0..SOUND.len(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), damage()), 1..5),
    ) {
        let mut lines = SOUND[which].clone();
        for (line, at, damage) in changes {
            let line = line.get_mut(&mut lines);
            let at = at.index(count(line));
            apply(line, at, &damage);
        }
        read(compressed(&lines));
    }

    #[test]
    fn a_record_with_other_lines_is_read_or_refused(
        which in 0..SOUND.len(),
        order in prop::collection::vec(0..3_usize, 0..6),
        cut in any::<Index>(),
    ) {
        let lines: Vec<_> = order.iter().map(|line| SOUND[which][*line].clone()).collect();
        let mut bytes = compressed(&lines);
        bytes.truncate(cut.index(bytes.len()));
        let is_sound = read(bytes);
        prop_assert!(!is_sound || order.starts_with(&[0]));
    }

    #[test]
    fn bytes_that_are_changed_are_read_or_refused(
        which in 0..SOUND.len(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = compressed(&SOUND[which]);
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let is_sound = read(bytes);
        prop_assert!(is_sound || !changes.is_empty());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        prop_assert!(!read(zstd::encode_all(text.as_bytes(), 1).expect("compressed")));
        prop_assert!(!read(text.into_bytes()));
    }
}
