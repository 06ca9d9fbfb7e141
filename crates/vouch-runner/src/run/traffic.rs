//! `sent:`: what must have gone over the wire during a step.

use super::sdk_calls::TrafficWindow;
use super::step_result::StepError;
use super::world::World;
use schemars::JsonSchema;
use serde::Deserialize;
use vouch_sim::wire::{Exchange, Operation};
use vouch_spec::protocol::{Environment, Region};

/// What a step may send, by operation. What is not named may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrafficExpectation {
    /// `sent: nothing`: no exchange at all.
    only: Option<Only>,
    token_request: Option<TrafficCount>,
    find_user: Option<TrafficCount>,
    create_user: Option<TrafficCount>,
    issuance: Option<TrafficCount>,
    exchange: Option<TrafficCount>,
    refresh: Option<TrafficCount>,
    api: Option<TrafficCount>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Only {
    Nothing,
}

/// How many exchanges of one operation, and what each must look like. A bare number is `count`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct TrafficCount {
    count: Option<usize>,
    at_least: Option<usize>,
    at_most: Option<usize>,
    /// What every one of them authenticates with.
    credential: Option<Credential>,
    /// The environment of the host that every one of them goes to.
    environment: Option<Environment>,
    /// The region of that host.
    region: Option<Region>,
    /// The least time between two of them, in seconds of the case's time.
    min_gap_seconds: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Credential {
    ApiKey,
    AccessToken,
    None,
}

impl Credential {
    fn words(self) -> &'static str {
        match self {
            Credential::ApiKey => "the API key",
            Credential::AccessToken => "an access token",
            Credential::None => "no credential",
        }
    }

    /// What an exchange really carries; several where a client sends too much.
    fn carried(exchange: &Exchange, world: &World) -> Vec<&'static str> {
        let mut carried = Vec::new();
        if exchange.request.header("x-vital-api-key").is_some() {
            carried.push(Credential::ApiKey.words());
        }
        if exchange.request.header("authorization").is_some() {
            carried.push(if world.shows_access_token(exchange) {
                Credential::AccessToken.words()
            } else {
                "an Authorization header that is no access token"
            });
        }
        if carried.is_empty() {
            carried.push(Credential::None.words());
        }
        carried
    }
}

impl TrafficExpectation {
    /// Judges the exchanges of a step. What the SDK sent of its own accord since the call before, as a refresh at launch, may
    /// be what the step asks for, but need not.
    pub(super) fn judge(&self, window: &TrafficWindow, world: &World) -> Result<(), StepError> {
        if self.only.is_some() && !window.during.is_empty() {
            return Err(StepError::Unmet {
                expected: "nothing sent".into(),
                got: format!("{} sent", tally(&window.during)),
            });
        }
        for (operation, count) in self.counts() {
            let is_it = |exchange: &&Exchange| exchange.operation == operation;
            let during: Vec<_> = window.during.iter().filter(is_it).collect();
            let with_own = window.since_idle.iter().filter(is_it).count();
            count.judge(operation, &during, with_own, world)?;
        }
        Ok(())
    }

    fn counts(&self) -> impl Iterator<Item = (Operation, &TrafficCount)> {
        [
            (Operation::TokenRequest, &self.token_request),
            (Operation::FindUser, &self.find_user),
            (Operation::CreateUser, &self.create_user),
            (Operation::Issuance, &self.issuance),
            (Operation::Exchange, &self.exchange),
            (Operation::Refresh, &self.refresh),
            (Operation::Api, &self.api),
        ]
        .into_iter()
        .filter_map(|(operation, count)| Some((operation, count.as_ref()?)))
    }
}

/// "2 refreshes, 1 API call", for messages.
fn tally(exchanges: &[Exchange]) -> String {
    let mut counts: Vec<(Operation, usize)> = Vec::new();
    for exchange in exchanges {
        match counts.iter_mut().find(|(operation, _)| *operation == exchange.operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((exchange.operation, 1)),
        }
    }
    counts.iter().map(|(operation, count)| format!("{count} × {}", operation.words())).collect::<Vec<_>>().join(", ")
}

impl TrafficCount {
    /// `with_own`: how many there are together with those that the SDK sent of its own accord.
    fn judge(
        &self,
        operation: Operation,
        exchanges: &[&Exchange],
        with_own: usize,
        world: &World,
    ) -> Result<(), StepError> {
        let (sent, what) = (exchanges.len(), operation.words());
        let wrong_count = |wanted: String, sent: usize| {
            Err(StepError::Unmet {
                expected: format!("{wanted} × {what} during this step"),
                got: format!("{sent} × {what}"),
            })
        };
        match (self.count, self.at_least, self.at_most) {
            (Some(count), _, _) if sent > count => return wrong_count(count.to_string(), sent),
            (Some(count), _, _) if with_own < count => return wrong_count(count.to_string(), with_own),
            (_, Some(least), _) if with_own < least => return wrong_count(format!("at least {least}"), with_own),
            (_, _, Some(most)) if sent > most => return wrong_count(format!("at most {most}"), sent),
            _ => {}
        }
        for exchange in exchanges {
            self.judge_one(what, exchange, world)?;
        }
        self.judge_gaps(what, exchanges)
    }

    fn judge_one(&self, what: &str, exchange: &Exchange, world: &World) -> Result<(), StepError> {
        if let Some(wanted) = self.credential {
            let carried = Credential::carried(exchange, world);
            if carried != [wanted.words()] {
                return Err(StepError::Unmet {
                    expected: format!("the {what} with {}", wanted.words()),
                    got: format!("it with {}", carried.join(" and ")),
                });
            }
        }
        let realm = exchange.link.realm;
        let elsewhere =
            self.environment.is_some_and(|e| e != realm.environment) || self.region.is_some_and(|r| r != realm.region);
        if elsewhere {
            let words = [self.environment.map(|e| e.word()), self.region.map(|r| r.word())];
            let wanted = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
            return Err(StepError::Unmet {
                expected: format!("the {what} at a host of {wanted}"),
                got: format!("it at a host of {realm}"),
            });
        }
        Ok(())
    }

    fn judge_gaps(&self, what: &str, exchanges: &[&Exchange]) -> Result<(), StepError> {
        let Some(least) = self.min_gap_seconds else { return Ok(()) };
        for pair in exchanges.windows(2) {
            let gap_ms = pair[1].at_ms - pair[0].at_ms;
            if gap_ms < least * 1000 {
                return Err(StepError::Unmet {
                    expected: format!("at least {least} s between one {what} and the next"),
                    #[allow(clippy::cast_precision_loss, reason = "shown to people")]
                    got: format!("{:.1} s", gap_ms as f64 / 1000.0),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
