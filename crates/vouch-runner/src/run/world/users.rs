//! The people of a case: who is whose user.

use super::{StepError, Vendor, World, lock};
use vouch_sim::wire::Operation;
use vouch_sim::wire::encodings::holds_id;

/// An app user and its vendor user.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub external_id: String,
    /// None until the vendor knows the person.
    pub id: Option<String>,
}

impl World {
    /// A person of the scenario by name.
    pub fn person(&self, name: &str) -> Result<TestUser, StepError> {
        let mut person = lock(&self.people).get(name).cloned().ok_or_else(|| {
            StepError::Scenario(format!("nobody is called `{name}`; list the name under `given: users:`"))
        })?;
        if person.id.is_none() {
            person.id = match &self.vendor {
                Vendor::Simulated(cloud) => {
                    cloud.store().by_client_id(self.given.realm(), &person.external_id).map(|user| user.id.clone())
                }
                Vendor::External(_) => self.made_by_backend(&person.external_id),
            };
        }
        Ok(person)
    }

    /// The vendor user that a backend has had made for an app user, as the wire saw it.
    fn made_by_backend(&self, external_id: &str) -> Option<String> {
        let exchanges = self.transcript.since(0);
        let creations = exchanges.iter().filter(|exchange| exchange.operation == Operation::CreateUser);
        let text = |body: &[u8], field: &str| {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get(field)?.as_str().map(str::to_owned)
        };
        let own = creations.filter(|made| text(&made.request.body, "client_user_id").as_deref() == Some(external_id));
        own.filter_map(|made| text(made.answer()?, "user_id")).next()
    }

    /// The vendor user id of a person.
    pub fn user_id(&self, name: &str) -> Result<String, StepError> {
        self.person(name)?.id.ok_or_else(|| StepError::Scenario(format!("the vendor has no user for `{name}` yet")))
    }

    /// The person with an external id.
    pub fn by_external_id(&self, external_id: &str) -> Option<String> {
        lock(&self.people).iter().find(|(_, person)| person.external_id == external_id).map(|(name, _)| name.clone())
    }

    /// The person whose user id, the vendor's or the app's, stands in a text, in whatever guise.
    pub fn somebody_in(&self, text: &str) -> Option<String> {
        let has = |id: &String| holds_id(text, id);
        let people = lock(&self.people);
        let found = people.iter().find(|(_, person)| has(&person.external_id) || person.id.as_ref().is_some_and(has));
        found.map(|(name, _)| name.clone())
    }

    /// The vendor user id of the scenario's first person.
    pub fn somebodys_id(&self) -> String {
        let first = self.given.users.first().and_then(|name| self.person(name).ok());
        first.and_then(|person| person.id).unwrap_or_default()
    }
}
