//! The state of the mock cloud: teams, users, sessions. One lock guards it, and it is held for look-ups only. Signing and
//! parsing happen outside the lock.

use super::adopted::AdoptedTokens;
use super::policy::CloudPolicy;
use super::segmented_vec::SegmentedVec;
use super::team::Team;
use super::users::{User, Users};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;
use vouch_spec::protocol::Realm;

/// What came of one exchange: a chain of refresh tokens, one a generation. About 50 bytes, however often it is refreshed.
#[derive(Clone, Debug)]
pub(super) struct CloudSession {
    pub realm: Realm,
    /// The user's number in the realm.
    user: u32,
    /// The session that the user had before.
    earlier: Option<u32>,
    /// The refresh tokens from this generation to the newest are good. A predecessor stays good until a successor, or the
    /// access token that came with one, has been seen: an answer may get lost, a request may be delivered twice (REF-6).
    good_from: u64,
    /// That of the newest.
    generation: u64,
    revoked: bool,
    /// The time of its exchange, in seconds since the epoch.
    opened_s: u32,
    /// Access tokens issued before this generation are refused by the API.
    pub access_from: u64,
}

impl CloudSession {
    fn end(&mut self) {
        (self.revoked, self.access_from) = (true, u64::MAX);
    }
}

/// The session and generation that an authentic refresh token names. See [`super::token::refresh_token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenGeneration {
    pub sid: u64,
    pub generation: u64,
}

/// Whether a refresh token can be used.
pub(super) enum RefreshTokenState {
    Valid,
    Revoked,
    /// The user is gone.
    UserDeleted,
}

/// The state of one cloud.
pub struct Store {
    realms: BTreeMap<Realm, (Team, Users)>,
    sessions: SegmentedVec<CloudSession>,
    used_sign_in_tokens: UsedTokens,
    user_ids: UserIds,
    /// When a refresh token was used first, in seconds since the epoch; only where there is a reuse interval.
    first_uses: HashMap<TokenGeneration, i64>,
    pub(super) adopted: AdoptedTokens,
}

/// Makes the ids of users. All of them begin and end alike, so that who compares a part of two ids only, confuses users.
struct UserIds {
    common: [u8; 16],
    next: u32,
}

impl UserIds {
    fn next(&mut self) -> String {
        let mut bytes = self.common;
        // The four bytes beside those that hold version and variant.
        for (at, byte) in [4, 5, 7, 9].into_iter().zip(self.next.to_be_bytes()) {
            bytes[at] = self.common[at] ^ byte;
        }
        self.next = self.next.wrapping_add(1);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

impl Store {
    pub(super) fn new() -> Self {
        let team = |realm: Realm| {
            let key = format!("{}_{}_{}", realm.environment.key_prefix(), realm.region, Uuid::new_v4().simple());
            Team { id: Uuid::new_v4().to_string(), key, tenant: format!("tenant-{}", Uuid::new_v4().simple()) }
        };
        Self {
            realms: Realm::all().map(|realm| (realm, (team(realm), Users::default()))).collect(),
            sessions: SegmentedVec::default(),
            used_sign_in_tokens: UsedTokens::default(),
            user_ids: UserIds { common: rand::random(), next: 0 },
            first_uses: HashMap::new(),
            adopted: AdoptedTokens::default(),
        }
    }

    /// Every realm has its team.
    pub fn team(&self, realm: Realm) -> &Team {
        &self.realms[&realm].0
    }

    /// Every realm has its users.
    fn users(&self, realm: Realm) -> &Users {
        &self.realms[&realm].1
    }

    pub(super) fn set_api_key(&mut self, realm: Realm, key: &str) {
        if let Some((team, _)) = self.realms.get_mut(&realm) {
            key.clone_into(&mut team.key);
        }
    }

    pub(super) fn set_team(&mut self, realm: Realm, team: Team) {
        if let Some((own, _)) = self.realms.get_mut(&realm) {
            *own = team;
        }
    }

    /// The realm whose project a public key names. What follows the key proper is padding (EXC-7).
    pub(super) fn realm_of_public_key(&self, key: &str) -> Option<Realm> {
        let tenant = key.strip_prefix("public-")?;
        self.teams().find(|(_, team)| tenant.starts_with(&team.tenant)).map(|(realm, _)| realm)
    }

    pub(crate) fn teams(&self) -> impl Iterator<Item = (Realm, &Team)> {
        self.realms.iter().map(|(realm, (team, _))| (*realm, team))
    }

    /// Adds a user, under a given id or a new one. None when the client user id is taken.
    pub fn add_user(&mut self, realm: Realm, client_user_id: &str, id: Option<String>) -> Option<User> {
        if self.by_client_id(realm, client_user_id).is_some() {
            return None;
        }
        Some(self.insert(realm, client_user_id, id))
    }

    /// Adds a user whether or not the client user id is taken.
    pub(super) fn add_user_with_duplicate_client_id(&mut self, realm: Realm, client_user_id: &str) -> User {
        self.insert(realm, client_user_id, None)
    }

    fn insert(&mut self, realm: Realm, client_user_id: &str, id: Option<String>) -> User {
        let id = id.unwrap_or_else(|| self.user_ids.next());
        let user = User { id, client_user_id: client_user_id.to_owned(), deleted: false, deletions: 0 };
        if let Some((_, users)) = self.realms.get_mut(&realm) {
            users.add(user.clone());
        }
        user
    }

    pub fn by_client_id(&self, realm: Realm, client_user_id: &str) -> Option<&User> {
        self.users(realm).by_client_id(client_user_id)
    }

    pub fn by_id(&self, realm: Realm, id: &str) -> Option<&User> {
        let users = self.users(realm);
        users.row(users.live_numbered(id)?).map(|row| &row.user)
    }

    /// The id of a user, found by its client user id or its id.
    pub(crate) fn find(&self, realm: Realm, name: &str, deleted: bool) -> Option<String> {
        let users = self.users(realm);
        let number = match deleted {
            false => {
                return self.by_client_id(realm, name).or_else(|| self.by_id(realm, name)).map(|user| user.id.clone());
            }
            true => users.deleted_numbered(name).or_else(|| users.numbered(name)),
        };
        users.row(number?).map(|row| &row.user).filter(|user| user.deleted).map(|user| user.id.clone())
    }

    /// The users that are not deleted.
    pub fn live(&self, realm: Realm) -> impl Iterator<Item = &User> {
        self.users(realm).live()
    }

    /// How many users are not deleted.
    pub fn live_count(&self, realm: Realm) -> usize {
        self.users(realm).live_count()
    }

    /// Deletes a user or brings it back; whether there was one.
    pub(super) fn set_deleted(&mut self, realm: Realm, id: &str, deleted: bool, policy: &dyn CloudPolicy) -> bool {
        let Some((_, users)) = self.realms.get_mut(&realm) else { return false };
        let Some(number) = users.numbered(id) else { return false };
        users.set_deleted(number, deleted);
        if deleted && policy.deletion_ends_sessions() {
            // A session does not outlive its user, even if the user comes back.
            self.end_sessions(realm, id, policy.ends_all_sessions(), i64::MAX);
        }
        true
    }

    /// Brings the deleted user of a client user id back, with its sessions; whether there was one.
    pub(super) fn revive(&mut self, realm: Realm, client_user_id: &str) -> bool {
        let Some((_, users)) = self.realms.get_mut(&realm) else { return false };
        let Some(number) = users.deleted_numbered(client_user_id) else { return false };
        users.set_deleted(number, false);
        let newest = users.row(number).and_then(|row| row.newest_session);
        if let Some(session) = newest.and_then(|number| self.sessions.get_mut(number)) {
            (session.revoked, session.access_from) = (false, 0);
        }
        true
    }

    /// How often a user was deleted; 0 where there is none.
    pub(super) fn deletions_of(&self, realm: Realm, id: &str) -> u32 {
        let users = self.users(realm);
        users.numbered(id).and_then(|number| users.row(number)).map_or(0, |row| row.user.deletions)
    }

    /// Revokes the user's refresh tokens and access tokens; how many sessions that ended.
    pub fn revoke(&mut self, realm: Realm, user_id: &str) -> usize {
        self.end_sessions(realm, user_id, true, i64::MAX)
    }

    /// Ends every session of a user that was opened before `before_s`, or the newest of them only; how many that ended.
    pub(super) fn end_sessions(&mut self, realm: Realm, user_id: &str, all: bool, before_s: i64) -> usize {
        let mut ended = 0;
        self.each_session(realm, user_id, |session| {
            if (all || ended == 0) && i64::from(session.opened_s) < before_s {
                session.end();
                ended += 1;
            }
        });
        ended
    }

    /// Makes the API refuse the access tokens issued so far, while refresh works.
    pub fn refuse_access_tokens(&mut self, realm: Realm, user_id: &str) {
        self.each_session(realm, user_id, |session| session.access_from = session.generation + 1);
    }

    fn each_session(&mut self, realm: Realm, user_id: &str, mut work: impl FnMut(&mut CloudSession)) {
        let users = self.users(realm);
        let row = users.numbered(user_id).and_then(|number| users.row(number));
        let mut next = row.and_then(|row| row.newest_session);
        while let Some(session) = next.and_then(|number| self.sessions.get_mut(number)) {
            work(session);
            next = session.earlier;
        }
    }

    /// Notes the use of a sign-in token; whether it was the first. `id` is its `jti`; it is forgotten after `expires_s`.
    pub(super) fn use_sign_in_token(&mut self, id: Uuid, expires_s: i64, now_s: i64) -> bool {
        self.used_sign_in_tokens.record_use(id, expires_s, now_s)
    }

    /// Opens a session of a user that lives; returns its first token generation. None if there is no such user.
    pub(super) fn open_session(&mut self, realm: Realm, user_id: &str, now_s: i64) -> Option<TokenGeneration> {
        let (_, users) = self.realms.get_mut(&realm)?;
        let user = users.live_numbered(user_id)?;
        let row = users.row_mut(user)?;
        let earlier = row.newest_session;
        let (revoked, good_from, generation, access_from) = (false, 0, 0, 0);
        let opened_s = u32::try_from(now_s).unwrap_or_default();
        let session = CloudSession { realm, user, earlier, good_from, generation, revoked, opened_s, access_from };
        let number = self.sessions.push(session)?;
        row.newest_session = Some(number);
        Some(TokenGeneration { sid: u64::from(number), generation: 0 })
    }

    pub(super) fn session(&self, sid: u64) -> Option<&CloudSession> {
        self.sessions.get(u32::try_from(sid).ok()?)
    }

    fn session_mut(&mut self, sid: u64) -> Option<&mut CloudSession> {
        self.sessions.get_mut(u32::try_from(sid).ok()?)
    }

    /// The user of a session, deleted or not.
    pub(super) fn user_of(&self, session: &CloudSession) -> Option<&User> {
        self.users(session.realm).row(session.user).map(|row| &row.user)
    }

    /// What a refresh token is good for.
    pub(super) fn refresh_token_state(
        &mut self,
        generation_of_token: TokenGeneration,
        policy: &dyn CloudPolicy,
        now_s: i64,
    ) -> RefreshTokenState {
        let Some(session) = self.session(generation_of_token.sid) else { return RefreshTokenState::Revoked };
        if self.user_of(session).is_none_or(|user| user.deleted) && !policy.refreshes_deleted_users() {
            return RefreshTokenState::UserDeleted;
        }
        let interval_s = i64::try_from(policy.reuse_interval().as_secs()).unwrap_or(i64::MAX);
        let first_use = self.first_uses.get(&generation_of_token);
        let in_interval = first_use.is_some_and(|first_s| now_s < first_s.saturating_add(interval_s));
        let Some(session) = self.session_mut(generation_of_token.sid) else { return RefreshTokenState::Revoked };
        if session.revoked && !policy.refreshes_revoked_sessions() {
            return RefreshTokenState::Revoked;
        }
        if generation_of_token.generation < session.good_from && policy.detects_reuse() && !in_interval {
            // A rotated-out token: somebody has a copy. End the chain.
            session.end();
            return RefreshTokenState::Revoked;
        }
        RefreshTokenState::Valid
    }

    /// Starts the session's next generation and returns it. `refresh_generation`: that of the refresh token of an access token.
    pub(super) fn rotate(
        &mut self,
        used: TokenGeneration,
        refresh_generation: impl Fn(u64) -> u64,
        policy: &dyn CloudPolicy,
        now_s: i64,
    ) -> Option<TokenGeneration> {
        if !policy.reuse_interval().is_zero() {
            self.first_uses.entry(used).or_insert(now_s);
        }
        let session = self.session_mut(used.sid)?;
        session.generation += 1;
        let comes_back = refresh_generation(session.generation) == used.generation;
        if used.generation >= session.good_from {
            session.good_from = used.generation + u64::from(!policy.keeps_predecessor() && !comes_back);
        }
        Some(TokenGeneration { sid: used.sid, generation: session.generation })
    }

    /// An access token of this generation was seen: the installation has its refresh token too.
    pub(super) fn confirm(&mut self, sid: u64, generation: u64) {
        if let Some(session) = self.session_mut(sid) {
            session.good_from = session.good_from.max(generation);
        }
    }
}

/// The sign-in tokens that were exchanged, until they expire: after that their time refuses them. 16 bytes a token.
#[derive(Default)]
struct UsedTokens(BTreeMap<i64, HashSet<Uuid>>);

impl UsedTokens {
    fn record_use(&mut self, id: Uuid, expires_s: i64, now_s: i64) -> bool {
        while self.0.first_key_value().is_some_and(|(expired_s, _)| *expired_s < now_s) {
            self.0.pop_first();
        }
        self.0.entry(expires_s).or_default().insert(id)
    }
}

/// A random UUID (version 4), without asking the operating system each time.
pub(super) fn random_id() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::super::DefaultCloudPolicy;
    use super::*;
    use vouch_spec::protocol::{Environment, Region};

    const REALM: Realm = Realm { environment: Environment::Production, region: Region::Us };

    fn good(store: &mut Store, generation_of_token: TokenGeneration) -> bool {
        let state = store.refresh_token_state(generation_of_token, &DefaultCloudPolicy, 0);
        matches!(state, RefreshTokenState::Valid)
    }

    #[test]
    fn a_predecessor_is_good_until_a_successor_is_seen() {
        let mut store = Store::new();
        let user = store.add_user(REALM, "ada", None).unwrap();
        let first = store.open_session(REALM, &user.id, 0).unwrap();
        let second = store
            .rotate(first, |generation| DefaultCloudPolicy.refresh_generation(generation), &DefaultCloudPolicy, 0)
            .unwrap();
        let again = store
            .rotate(first, |generation| DefaultCloudPolicy.refresh_generation(generation), &DefaultCloudPolicy, 0)
            .unwrap();
        assert!(good(&mut store, first) && good(&mut store, second) && good(&mut store, again));
        store.confirm(second.sid, second.generation);
        assert!(good(&mut store, second) && good(&mut store, again));
        assert!(!good(&mut store, first));
        assert!(!good(&mut store, again), "reuse ends the chain");
    }

    /// Ten seconds in which a refresh token that was rotated out may be used again.
    struct Interval;

    impl CloudPolicy for Interval {
        fn reuse_interval(&self) -> std::time::Duration {
            std::time::Duration::from_secs(10)
        }
    }

    #[test]
    fn in_the_reuse_interval_a_rotated_out_token_is_good_from_its_first_use() {
        let mut store = Store::new();
        let user = store.add_user(REALM, "ada", None).unwrap();
        let first = store.open_session(REALM, &user.id, 0).unwrap();
        let second = store.rotate(first, |generation| Interval.refresh_generation(generation), &Interval, 100).unwrap();
        store.confirm(second.sid, second.generation);
        let mut good = |now_s| matches!(store.refresh_token_state(first, &Interval, now_s), RefreshTokenState::Valid);
        assert!(good(109) && !good(110));
    }

    #[test]
    fn a_refresh_token_that_comes_back_is_not_rotated_out() {
        struct EveryThird;
        impl CloudPolicy for EveryThird {
            fn refresh_generation(&self, generation: u64) -> u64 {
                generation - generation % 3
            }
            fn keeps_predecessor(&self) -> bool {
                false
            }
        }
        let mut store = Store::new();
        let user = store.add_user(REALM, "ada", None).unwrap();
        let first = store.open_session(REALM, &user.id, 0).unwrap();
        let good =
            |store: &mut Store| matches!(store.refresh_token_state(first, &EveryThird, 0), RefreshTokenState::Valid);
        for _ in 0..2 {
            store.rotate(first, |generation| EveryThird.refresh_generation(generation), &EveryThird, 0).unwrap();
            assert!(good(&mut store));
        }
        store.rotate(first, |generation| EveryThird.refresh_generation(generation), &EveryThird, 0).unwrap();
        assert!(!good(&mut store), "the third refresh rotates it out");
    }

    #[test]
    fn revocation_ends_every_session_of_its_user_and_no_other() {
        let mut store = Store::new();
        let [ada, bob] = ["ada", "bob"].map(|name| store.add_user(REALM, name, None).unwrap());
        let tickets = [&ada, &bob, &ada].map(|user| store.open_session(REALM, &user.id, 0).unwrap());
        assert_eq!(store.revoke(REALM, &ada.id.to_uppercase()), 2);
        assert_eq!(tickets.map(|generation_of_token| good(&mut store, generation_of_token)), [false, true, false]);
    }

    #[test]
    fn used_sign_in_tokens_are_forgotten_once_they_have_expired() {
        let mut used = UsedTokens::default();
        let [first, second] = [Uuid::new_v4(), Uuid::new_v4()];
        assert!(used.record_use(first, 100, 50) && !used.record_use(first, 100, 100));
        assert!(used.record_use(second, 200, 101));
        assert_eq!(used.0.len(), 1);
    }
}
