//! The test users of a case.

use super::context::CaseContext;
use super::step_result::StepError;
use super::vendor::Vendor;
use crate::sut::BackendRole;
use parking_lot::Mutex;
use std::collections::HashMap;
use vouch_sim::wire::Operation;
use vouch_sim::wire::encodings::holds_id;

/// An app user and its vendor user.
#[derive(Clone, Debug)]
pub struct TestUser {
    /// The id of the app user, which the vendor knows as the client user id.
    pub external_id: String,
    /// The id under which the backend makes its vendor user. `None` if only the backend knows it.
    pub client_user_id: Option<String>,
    /// The id of the vendor user. `None` until it exists.
    pub id: Option<String>,
}

/// The test users of a case by their names in the scenario.
pub(super) struct Users {
    context: CaseContext,
    backend: BackendRole,
    /// Makes the ids unique where other runs may use the same cloud or backend.
    suffix: String,
    /// The id of the vendor user of the first user, where it is given.
    id_of_first: Option<String>,
    by_name: Mutex<HashMap<String, TestUser>>,
}

impl Users {
    pub fn new(
        context: CaseContext,
        backend: BackendRole,
        shared_environment: bool,
        id_of_first: Option<String>,
    ) -> Self {
        let suffix = match shared_environment {
            true => format!("-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]),
            false => String::new(),
        };
        Self { context, backend, suffix, id_of_first, by_name: Mutex::default() }
    }

    /// Creates the vendor users of the scenario.
    pub async fn create(&self) -> Result<(), StepError> {
        let given = &self.context.given;
        for number in 0..given.strangers {
            // Their names begin like that of a user of the scenario.
            let name = given.users.first().map_or_else(|| "stranger".to_owned(), |name| self.external_id(name));
            self.context.vendor.add_user(given.realm(), &format!("{name}-{number}"), None).await?;
        }
        for (number, name) in given.users.iter().enumerate() {
            let external_id = self.external_id(name);
            let client_user_id = self.backend.client_user_id(&external_id);
            let mut id = None;
            if let Some(client_user_id) = &client_user_id {
                let known = self.id_of_first.clone().filter(|_| number == 0);
                id = self.context.vendor.add_user(given.realm(), client_user_id, known).await?;
            }
            if let Some(id) = &id {
                self.context.redactor.id(id, format!("{name}.id"));
            }
            self.by_name.lock().insert(name.clone(), TestUser { external_id, client_user_id, id });
        }
        for name in &given.newcomers {
            let external_id = self.external_id(name);
            let client_user_id = self.backend.client_user_id(&external_id);
            let user = TestUser { external_id, client_user_id, id: None };
            self.by_name.lock().insert(name.clone(), user);
        }
        Ok(())
    }

    /// The names of every user of the scenario.
    pub fn names(&self) -> Vec<String> {
        let given = &self.context.given;
        given.users.iter().chain(&given.newcomers).cloned().collect()
    }

    /// The known users whose `client_user_id` only the backend knows and whose vendor user the scenario requires.
    pub fn unknown_at_vendor(&self) -> Vec<String> {
        let users = self.by_name.lock();
        let unknown =
            |name: &&String| users.get(*name).is_some_and(|user| user.client_user_id.is_none() && user.id.is_none());
        self.context.given.users.iter().filter(unknown).cloned().collect()
    }

    /// Notes the vendor user that the backend made for a user.
    pub fn set_id(&self, name: &str, id: String) {
        self.context.redactor.id(&id, format!("{name}.id"));
        if let Some(user) = self.by_name.lock().get_mut(name) {
            user.id = Some(id);
        }
    }

    fn external_id(&self, name: &str) -> String {
        match self.context.given.external_ids.get(name) {
            // Before it, because its end may be what the case is about.
            Some(id) => format!("{}{id}", self.suffix.trim_start_matches('-')),
            None => format!("app-user-{name}{}", self.suffix),
        }
    }

    /// A user by its name in the scenario.
    pub fn get(&self, name: &str) -> Result<TestUser, StepError> {
        let mut user = self.by_name.lock().get(name).cloned().ok_or_else(|| {
            StepError::Scenario(format!("there is no user `{name}`; list the name under `given: users:`"))
        })?;
        if user.id.is_none() {
            user.id = match &*self.context.vendor {
                Vendor::Simulated(cloud) => {
                    let (store, realm) = (cloud.store(), self.context.given.realm());
                    match &user.client_user_id {
                        Some(id) => store.by_client_id(realm, id).map(|found| found.id.clone()),
                        None => self.only_unknown(store.live(realm).map(|user| user.id.clone()).collect()),
                    }
                }
                Vendor::External(_) => {
                    self.created_by_backend(user.client_user_id.as_ref().unwrap_or(&user.external_id))
                }
            };
        }
        Ok(user)
    }

    /// The one vendor user that is of no other user of the scenario, nor a stranger.
    fn only_unknown(&self, live: Vec<String>) -> Option<String> {
        let users = self.by_name.lock();
        let known = |id: &String| users.values().any(|user| user.id.as_ref() == Some(id));
        let mut others = live.into_iter().skip(self.context.given.strangers).filter(|id| !known(id));
        others.next().filter(|_| others.next().is_none())
    }

    /// The id of the vendor user that a backend created for an app user, according to the transcript.
    fn created_by_backend(&self, external_id: &str) -> Option<String> {
        let exchanges = self.context.transcript.since(0);
        let creations = exchanges.iter().filter(|exchange| exchange.operation == Operation::CreateUser);
        let text = |body: &[u8], field: &str| {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get(field)?.as_str().map(str::to_owned)
        };
        let mut own =
            creations.filter(|made| text(&made.request.body, "client_user_id").as_deref() == Some(external_id));
        own.find_map(|made| text(made.answer()?, "user_id"))
    }

    /// The id of the vendor user of a name.
    pub fn id(&self, name: &str) -> Result<String, StepError> {
        self.get(name)?.id.ok_or_else(|| StepError::Scenario(format!("the vendor has no user for `{name}` yet")))
    }

    /// The name of the user with an app user id.
    pub fn name_of_external_id(&self, external_id: &str) -> Option<String> {
        let users = self.by_name.lock();
        users.iter().find(|(_, user)| user.external_id == external_id).map(|(name, _)| name.clone())
    }

    /// The name of a user whose vendor id or app user id is in a text, in any encoding.
    pub fn find_in(&self, text: &str) -> Option<String> {
        let has = |id: &String| holds_id(text, id);
        let users = self.by_name.lock();
        let found = users.iter().find(|(_, user)| has(&user.external_id) || user.id.as_ref().is_some_and(has));
        found.map(|(name, _)| name.clone())
    }

    /// The id of the vendor user of the scenario's first user; empty without one.
    pub fn first_id(&self) -> String {
        let first = self.context.given.users.first().and_then(|name| self.get(name).ok());
        first.and_then(|user| user.id).unwrap_or_default()
    }
}
