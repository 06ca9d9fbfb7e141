//! `--listen` and `--connect`: an SDK over a connection, without a target file.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::io::IsTerminal;
use std::net::SocketAddr;
use vouch_runner::report::print_stderr;
use vouch_runner::sut::ConnectAddress;

/// Reads the value of `--listen`.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write an address and a port, for example 127.0.0.1:9778")?;
    if address.ip().is_loopback() && address.port() != 0 {
        return Ok(address);
    }
    Err("only a loopback address with a port from 1 to 65535; `adb reverse` brings a phone there".into())
}

/// Reads the value of `--connect`.
pub fn address(text: &str) -> Result<String, String> {
    let parsed = text.parse::<ConnectAddress>().map_err(|error| format!("it {error}"));
    // It becomes a text of a target file, where `$` would be a variable.
    match parsed {
        Ok(_) if text.contains(['$', '"', '\\']) => Err("it is not a URL".into()),
        parsed => parsed.map(|_| text.to_owned()),
    }
}

/// The target file that stands for the options.
pub fn target_text(listen: Option<SocketAddr>, connect: Option<&str>) -> Option<String> {
    let (key, address, wait) = match (listen, connect) {
        // A person starts the app.
        (Some(address), _) => ("listen", address.to_string(), "120s"),
        (None, Some(url)) => ("connect", url.to_owned(), "15s"),
        (None, None) => return None,
    };
    Some(format!("[sdk]\nname = \"SDK at {address}\"\n{key} = \"{address}\"\n[deadlines]\nstart = \"{wait}\"\n"))
}

/// Says where Vouch waits for an app.
pub fn announce(address: SocketAddr) {
    let url = format!("ws://{address}");
    print_stderr(format!("waiting for an app at {url} (WebSocket, or lines over TCP on the same port)"));
    if std::io::stderr().is_terminal()
        && let Ok(code) = QrCode::new(&url)
    {
        print_stderr(code.render::<Dense1x2>().build());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Suite;

    #[test]
    fn the_options_make_a_valid_target_file() {
        for (listen, connect) in [(loopback("127.0.0.1:9778").ok(), None), (None, Some("ws://localhost:1/a b"))] {
            let connect = connect.and_then(|url| address(&url.replace(' ', "-")).ok());
            let text = target_text(listen, connect.as_deref()).expect("an option is there");
            assert!(Suite::bundled().expect("the suite").target_text(&text, ".").is_ok(), "{text}");
        }
        assert!(loopback("0.0.0.0:9778").is_err() && loopback("127.0.0.1:0").is_err() && loopback("9778").is_err());
        assert!(address("tcp://127.0.0.1").is_err() && address("http://127.0.0.1/$x").is_err());
    }
}
