//! What a panic says: that it is a fault of this program, not of the build, and how to report it.

use std::panic::PanicHookInfo;
use vouch_runner::report::print_stderr;
use vouch_spec::text::OutsideText;

/// The exit code of a command that panicked: the harness failed.
pub const EXIT_CODE: u8 = 3;
/// The longest message that is shown whole, in characters.
const MAX_MESSAGE: usize = 300;

/// Lets panics of all threads say so. With `RUST_BACKTRACE` set, the usual message with its backtrace follows.
pub fn install() {
    let usual = std::panic::take_hook();
    let with_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    std::panic::set_hook(Box::new(move |info| {
        print_stderr(describe(info));
        if with_backtrace {
            usual(info);
        }
    }));
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let message = OutsideText::line_up_to(info.payload_as_str().unwrap_or("no message"), MAX_MESSAGE);
    format!(
        "vouch: this is a bug in vouch {}, at {place}: {message}\n\
         The result says nothing about the build. Please report it with the command and this text.",
        env!("CARGO_PKG_VERSION")
    )
}
