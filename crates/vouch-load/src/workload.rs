//! Workloads: the calls that one installation makes in sequence.

use super::endpoints::LoadCall;

/// A workload: calls that one installation makes in sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    pub name: String,
    pub calls: Vec<LoadCall>,
    /// The share of arrivals, relative to the weights of the other workloads.
    pub weight: u32,
    pub on_complete: OnComplete,
}

/// What happens to an installation after its last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnComplete {
    /// A signed-in installation becomes idle again; any other is removed.
    Return,
    /// The installation is signed in now and becomes idle.
    Join,
    /// Its sign-in token is stored for later.
    StoreToken,
}

/// The first call of a kind in these workloads, as the indices of its workload and of its step. Without such a call: the first.
pub fn first_call(workloads: &[Workload], is_of_kind: impl Fn(LoadCall) -> bool) -> (usize, usize) {
    let step = |workload: &Workload| workload.calls.iter().position(|call| is_of_kind(*call));
    let found = workloads.iter().enumerate().find_map(|(workload, calls)| Some((workload, step(calls)?)));
    found.unwrap_or_default()
}

impl Workload {
    /// The names of its series: the workload, and each call of a workload with several calls. A repeated call is named like
    /// `morning/resource#2`.
    pub fn series(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if self.calls.len() > 1 {
            for (at, call) in self.calls.iter().enumerate() {
                let before = self.calls[..at].iter().filter(|earlier| *earlier == call).count();
                let suffix = if before == 0 { String::new() } else { format!("#{}", before + 1) };
                names.push(format!("{}/{call}{suffix}", self.name));
            }
        }
        names
    }

    /// Whether it starts with a signed-in installation.
    pub fn needs_installation(&self) -> bool {
        matches!(self.calls.first(), Some(LoadCall::Refresh | LoadCall::Resource))
    }

    /// Whether it starts with a sign-in token that was issued before the run.
    pub fn needs_tokens(&self) -> bool {
        self.calls.first() == Some(&LoadCall::Exchange)
    }
}
