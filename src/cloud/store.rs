//! What the cloud remembers: teams, users, sessions.

use super::rules::Rules;
use crate::protocol::Realm;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// A customer's team in one realm.
#[derive(Clone, Debug)]
pub struct Team {
    pub id: String,
    pub key: String,
    pub tenant: String,
}

impl Team {
    /// What a sign-in token's envelope names the project by.
    pub fn public_key(&self) -> String {
        format!("public-{}", self.tenant)
    }
}

/// A vendor user.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub client_user_id: String,
    pub deleted: bool,
}

/// What came of one exchange: a chain of refresh tokens.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub realm: Realm,
    pub user_id: String,
    /// The refresh tokens that are good, by generation. A predecessor stays good until a successor, or the access token
    /// that came with one, has been seen: an answer may get lost, a request may be delivered twice (REF-6).
    pub good: Vec<(u64, String)>,
    /// That of the newest.
    pub generation: u64,
    pub revoked: bool,
    /// Access tokens issued before this generation are refused by the API.
    pub access_from: u64,
}

/// What a refresh token is to the cloud.
pub(super) enum Standing {
    Good(u64),
    Revoked,
    /// The user is gone.
    NoUser,
}

pub struct Store {
    teams: BTreeMap<Realm, Team>,
    users: Vec<(Realm, User)>,
    pub(super) sessions: HashMap<u64, Session>,
    /// Every refresh token ever issued, and its session.
    refresh_tokens: HashMap<String, u64>,
    used_sign_in_tokens: HashSet<String>,
}

impl Store {
    pub(super) fn new() -> Self {
        let team = |realm: Realm| {
            let key = format!("{}_{}_{}", realm.environment.key_prefix(), realm.region, Uuid::new_v4().simple());
            Team { id: Uuid::new_v4().to_string(), key, tenant: format!("tenant-{}", Uuid::new_v4().simple()) }
        };
        Self {
            teams: Realm::all().map(|realm| (realm, team(realm))).collect(),
            users: Vec::new(),
            sessions: HashMap::new(),
            refresh_tokens: HashMap::new(),
            used_sign_in_tokens: HashSet::new(),
        }
    }

    /// Every realm has its team.
    pub fn team(&self, realm: Realm) -> &Team {
        &self.teams[&realm]
    }

    pub(super) fn set_key(&mut self, realm: Realm, key: &str) {
        if let Some(team) = self.teams.get_mut(&realm) {
            key.clone_into(&mut team.key);
        }
    }

    /// The realm whose project a public key names. What follows the key proper is padding (EXC-7).
    pub(super) fn realm_of_public_key(&self, key: &str) -> Option<Realm> {
        self.teams().find(|(_, team)| key.starts_with(&team.public_key())).map(|(realm, _)| realm)
    }

    pub(super) fn teams(&self) -> impl Iterator<Item = (Realm, &Team)> {
        self.teams.iter().map(|(realm, team)| (*realm, team))
    }

    /// Adds a user, under a given id or a new one. None when the client user id is taken.
    pub fn add_user(&mut self, realm: Realm, client_user_id: &str, id: Option<String>) -> Option<User> {
        if self.by_client_id(realm, client_user_id).is_some() {
            return None;
        }
        Some(self.insert(realm, client_user_id, id))
    }

    /// Adds a user whether or not the client user id is taken.
    pub(super) fn add_twin(&mut self, realm: Realm, client_user_id: &str) -> User {
        self.insert(realm, client_user_id, None)
    }

    fn insert(&mut self, realm: Realm, client_user_id: &str, id: Option<String>) -> User {
        let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
        let user = User { id, client_user_id: client_user_id.to_owned(), deleted: false };
        self.users.push((realm, user.clone()));
        user
    }

    pub fn by_client_id(&self, realm: Realm, client_user_id: &str) -> Option<&User> {
        self.live(realm).find(|user| user.client_user_id == client_user_id)
    }

    pub fn by_id(&self, realm: Realm, id: &str) -> Option<&User> {
        self.live(realm).find(|user| user.id.eq_ignore_ascii_case(id))
    }

    /// The users that are not deleted.
    pub fn live(&self, realm: Realm) -> impl Iterator<Item = &User> {
        self.users.iter().filter(move |(of, user)| *of == realm && !user.deleted).map(|(_, user)| user)
    }

    /// Deletes a user or brings it back; whether there was one.
    pub(super) fn set_deleted(&mut self, realm: Realm, id: &str, deleted: bool, rules: &dyn Rules) -> bool {
        let found = self.users.iter_mut().find(|(of, user)| *of == realm && user.id.eq_ignore_ascii_case(id));
        let Some((_, user)) = found else { return false };
        user.deleted = deleted;
        if deleted && rules.deletion_ends_sessions() {
            // A session does not outlive its user, even if the user comes back.
            self.revoke(realm, id);
        }
        true
    }

    /// Revokes the user's refresh tokens and access tokens; how many sessions that ended.
    pub fn revoke(&mut self, realm: Realm, user_id: &str) -> usize {
        let mut ended = 0;
        for session in self.sessions_of(realm, user_id) {
            session.revoked = true;
            session.access_from = u64::MAX;
            ended += 1;
        }
        ended
    }

    /// Makes the API refuse the access tokens issued so far, while refresh works.
    pub fn refuse_access_tokens(&mut self, realm: Realm, user_id: &str) {
        for session in self.sessions_of(realm, user_id) {
            session.access_from = session.generation + 1;
        }
    }

    fn sessions_of(&mut self, realm: Realm, user_id: &str) -> impl Iterator<Item = &mut Session> {
        self.sessions.values_mut().filter(move |s| s.realm == realm && s.user_id.eq_ignore_ascii_case(user_id))
    }

    /// Notes the use of a sign-in token; whether it was the first.
    pub(super) fn use_sign_in_token(&mut self, jwt: &str) -> bool {
        self.used_sign_in_tokens.insert(jwt.to_owned())
    }

    pub(super) fn open_session(&mut self, realm: Realm, user_id: &str, refresh_token: String) -> u64 {
        let number = self.sessions.len() as u64 + 1;
        self.refresh_tokens.insert(refresh_token.clone(), number);
        self.sessions.insert(
            number,
            Session {
                realm,
                user_id: user_id.to_owned(),
                good: vec![(0, refresh_token)],
                generation: 0,
                revoked: false,
                access_from: 0,
            },
        );
        number
    }

    /// What a refresh token is good for at a host of `realm`.
    pub(super) fn standing(&mut self, token: &str, rules: &dyn Rules) -> Standing {
        let Some(number) = self.refresh_tokens.get(token).copied() else { return Standing::Revoked };
        let Some((realm, user_id)) = self.sessions.get(&number).map(|s| (s.realm, s.user_id.clone())) else {
            return Standing::Revoked;
        };
        if self.by_id(realm, &user_id).is_none() && !rules.refreshes_the_deleted() {
            return Standing::NoUser;
        }
        let Some(session) = self.sessions.get_mut(&number) else { return Standing::Revoked };
        if session.revoked && !rules.forgives_revocation() {
            return Standing::Revoked;
        }
        if !session.good.iter().any(|(_, good)| good == token) && rules.detects_reuse() {
            // A rotated-out token: somebody has a copy. End the chain.
            (session.revoked, session.access_from) = (true, u64::MAX);
            return Standing::Revoked;
        }
        Standing::Good(number)
    }

    /// Adds the session's next refresh token; its generation.
    pub(super) fn rotate(&mut self, number: u64, used: &str, new: String, keeps_predecessor: bool) -> u64 {
        self.refresh_tokens.insert(new.clone(), number);
        let Some(session) = self.sessions.get_mut(&number) else { return 0 };
        let of = session.good.iter().find(|(_, good)| good == used).map_or(0, |(generation, _)| *generation);
        session.good.retain(|(generation, _)| if keeps_predecessor { *generation >= of } else { *generation > of });
        session.generation += 1;
        session.good.push((session.generation, new));
        session.generation
    }

    /// An access token of this generation was seen: the installation has its refresh token too.
    pub(super) fn confirm(&mut self, number: u64, generation: u64) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.good.retain(|(of, _)| *of >= generation);
        }
    }
}
