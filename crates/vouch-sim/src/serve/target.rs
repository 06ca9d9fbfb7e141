//! The target file that describes a running server.

use super::MockCloudServer;
use super::control::{CONTROL_KEY, CONTROL_URL};
use super::route::base;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A listening address as a client on this machine reaches it.
pub(super) fn from_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl MockCloudServer {
    /// `http://HOST:PORT` as a client on this machine reaches it.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", from_this_machine(self.address))
    }

    /// A target file with the URLs, the teams' API keys, and hooks that run `program`, the path of `vouch`.
    pub fn target(&self, program: &Path) -> String {
        let origin = self.origin();
        let program = program.display().to_string();
        let mut text = format!(
            "# The mock cloud that `vouch mock-cloud` serves. Its keys are test keys of this run only.\n\
             {}\n\
             [cloud]\nname = \"mock-cloud\"\n\
             env = {{ {CONTROL_URL} = {origin:?}, {CONTROL_KEY} = {:?} }}\n\n\
             [cloud.lifetimes]\nsignInToken = \"{}\"\naccessToken = \"{}\"\n\n\
             [cloud.hooks]\n",
            self.profile.target_file(),
            self.shared.control.key,
            humantime::format_duration(self.lifetimes.sign_in_token),
            humantime::format_duration(self.lifetimes.access_token),
        );
        for hook in ["revoke", "advance", "refuseAccessTokens"] {
            let _ = writeln!(text, "{hook} = [{program:?}, \"mock-cloud-hook\"]");
        }
        let store = self.shared.cloud.store();
        for (realm, team) in store.teams() {
            let _ = write!(
                text,
                "\n[[cloud.realms]]\nenvironment = \"{}\"\nregion = \"{}\"\napi = {:?}\nauth = {:?}\napiKey = {:?}\n",
                realm.environment,
                realm.region,
                base(&origin, realm, "api"),
                base(&origin, realm, "auth"),
                team.key,
            );
        }
        text
    }
}
