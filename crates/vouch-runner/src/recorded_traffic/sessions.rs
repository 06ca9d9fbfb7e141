//! Tells the sessions of recorded traffic apart: several devices may be in one recording, and nobody says which request is whose.

use super::exchanges::RecordedExchange;
use rustc_hash::FxHashMap;
use vouch_sim::wire::Exchange;
use vouch_spec::profile::TokenGrant;

/// The indices of the exchanges of each session: those that are connected by a token. Exchanges without a token are one group,
/// the last.
pub fn of(recorded: &[RecordedExchange]) -> Vec<Vec<usize>> {
    let mut groups = Groups(Vec::new());
    let mut of_token: FxHashMap<String, usize> = FxHashMap::default();
    let mut of_exchange = Vec::with_capacity(recorded.len());
    for of in recorded {
        let mut own = None;
        for token in tokens(&of.exchange, of.exchange.granted()) {
            let group = *of_token.entry(token).or_insert_with(|| groups.add());
            own = Some(own.map_or(group, |own| groups.join(own, group)));
        }
        of_exchange.push(own);
    }
    let mut sessions: Vec<Vec<usize>> = Vec::new();
    let mut position: FxHashMap<usize, usize> = FxHashMap::default();
    let mut without = Vec::new();
    for (index, group) in of_exchange.into_iter().enumerate() {
        let Some(group) = group else {
            without.push(index);
            continue;
        };
        let at = *position.entry(groups.first(group)).or_insert_with(|| {
            sessions.push(Vec::new());
            sessions.len() - 1
        });
        sessions[at].push(index);
    }
    sessions.push(without);
    sessions
}

fn tokens(exchange: &Exchange, grant: Option<TokenGrant>) -> Vec<String> {
    let granted = grant.into_iter().flat_map(|grant| [grant.access_token, grant.refresh_token]);
    let carried = [&exchange.tokens.token, &exchange.tokens.refresh_token].into_iter().flatten().cloned();
    carried.chain(granted).chain(exchange.request.bearer().map(str::to_owned)).collect()
}

/// Groups that join: each points to an earlier one, or to itself.
struct Groups(Vec<usize>);

impl Groups {
    fn add(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    fn first(&mut self, mut group: usize) -> usize {
        while self.0[group] != group {
            self.0[group] = self.0[self.0[group]];
            group = self.0[group];
        }
        group
    }

    fn join(&mut self, one: usize, other: usize) -> usize {
        let (one, other) = (self.first(one), self.first(other));
        let (first, later) = (one.min(other), one.max(other));
        self.0[later] = first;
        first
    }
}
