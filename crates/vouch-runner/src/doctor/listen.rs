//! The addresses that a target file has Vouch listen on are free.

use super::Diagnosis;
use crate::sut::{BackendLaunch, BackendRole, SdkRole, Transport};
use crate::target_file::Target;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

const CHECK: &str = "port";

pub(super) fn check(target: &Target) -> Vec<Diagnosis> {
    let sdk = target.sdk.as_ref().and_then(|(_, role)| match role {
        SdkRole::Remote(remote) => match remote.spec.transport {
            Transport::Listen(address) => Some(("`listen` of [sdk]", address)),
            Transport::Connect(_) => None,
        },
        _ => None,
    });
    let vendor = target.backend.as_ref().and_then(|(_, role)| match role {
        BackendRole::External(spec) => match &spec.run {
            BackendLaunch::Running { listen, .. } => Some(("`vendor` of [backend]", *listen)),
            BackendLaunch::Started(_) => None,
        },
        BackendRole::Builtin(_) => None,
    });
    sdk.into_iter().chain(vendor).map(|(key, address)| check_address(key, address)).collect()
}

fn check_address(key: &str, address: SocketAddr) -> Diagnosis {
    let Err(error) = TcpListener::bind(address) else {
        return Diagnosis::ok(CHECK, format!("{address} is free ({key})"));
    };
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("end the program that uses it (`ss -ltnp 'sport = :{}'`), or choose another port", address.port())
        }
        ErrorKind::PermissionDenied => "choose a port above 1023".to_owned(),
        _ => "choose an address of this machine".to_owned(),
    };
    Diagnosis::problem(CHECK, format!("Vouch cannot listen on {address} ({key}): {error}"), advice)
}
