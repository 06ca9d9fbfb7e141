//! The kernel lets Vouch intercept the writes of a program, which the steps `crash` and `failWrites` need.

use super::Diagnosis;
use crate::sut::can_intercept_writes;

const CHECK: &str = "crash points";

pub(super) fn check() -> Diagnosis {
    if can_intercept_writes() {
        return Diagnosis::ok(CHECK, "the writes of a program can be intercepted");
    }
    let found = "the writes of a program cannot be intercepted here, so cases with `crash` or `failWrites` are skipped";
    let advice = if cfg!(target_os = "linux") {
        "in a container, start it with `--security-opt seccomp=unconfined`; the kernel must be 5.5 or newer"
    } else {
        "run Vouch on Linux if you need these cases"
    };
    Diagnosis::warning(CHECK, found, advice)
}
