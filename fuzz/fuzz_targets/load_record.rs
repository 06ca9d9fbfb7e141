//! Reads any bytes, and any text that is compressed, as the record of a load: every report of what is read can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vouch_load::record::LoadRecord;
use vouch_load::report::LoadReportFormat;

fuzz_target!(|bytes: &[u8]| {
    read(bytes.to_vec());
    read(zstd::encode_all(bytes, 1).expect("compressed"));
});

fn read(bytes: Vec<u8>) {
    match LoadRecord::parse(Path::new("fuzzed.vouch"), bytes) {
        Ok(record) => {
            for (_, format) in LoadReportFormat::ALL {
                let _ = format.render(&record);
            }
            record.write_summary(&mut Vec::new(), true).expect("memory can be written to");
        }
        Err(error) => {
            let _ = error.to_string();
        }
    }
}
