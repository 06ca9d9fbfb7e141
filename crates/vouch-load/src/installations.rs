//! The simulated installations of one worker, their users, and the sign-in tokens that were issued before the run. An
//! installation takes about 200 bytes with its tokens.

use std::collections::VecDeque;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;

/// A user of the vendor or of the backend.
#[derive(Clone, Default)]
pub struct User {
    /// The name at the backend, or the client user id.
    pub name: Box<str>,
    /// The id at the vendor; empty until it is known.
    pub id: Box<str>,
    /// The credential for the backend.
    pub credential: Box<str>,
}

/// An app installation. Missing tokens are empty.
#[derive(Default)]
pub struct Installation {
    pub user: u32,
    pub refresh_token: String,
    pub access_token: String,
    /// The JWT of a sign-in token that is about to be exchanged.
    pub jwt: Option<Arc<str>>,
    /// The expiry of `jwt`, in seconds since 1970.
    pub jwt_expires_s: i64,
    /// The refresh token was used, and this fault took its successor away.
    pub used_by: Option<u8>,
}

/// The tokens of an installation before a call.
pub struct Tokens {
    refresh: String,
    access: String,
}

impl Installation {
    /// All its secrets. Those that it does not have are empty.
    pub fn secrets(&self) -> [(SecretKind, &str); 3] {
        let Self { user: _, refresh_token, access_token, jwt, jwt_expires_s: _, used_by: _ } = self;
        [
            (SecretKind::SignInToken, jwt.as_deref().unwrap_or_default()),
            (SecretKind::RefreshToken, refresh_token),
            (SecretKind::AccessToken, access_token),
        ]
    }

    /// Its tokens.
    pub fn tokens(&self) -> Tokens {
        Tokens { refresh: self.refresh_token.clone(), access: self.access_token.clone() }
    }

    /// Takes back the tokens of an answer that a fault took away.
    pub fn restore(&mut self, before: Tokens, fault: u8) {
        if self.refresh_token != before.refresh {
            self.used_by = Some(fault);
        }
        (self.refresh_token, self.access_token) = (before.refresh, before.access);
    }
}

/// An unused sign-in token.
struct StoredToken {
    user: u32,
    jwt: Arc<str>,
    /// The expiry, in seconds since 1970.
    expires_s: i64,
}

/// All installations of one worker.
#[derive(Default)]
pub struct Installations {
    pub users: Vec<User>,
    pub all: Vec<Installation>,
    /// Idle signed-in installations, longest idle first.
    idle: VecDeque<u32>,
    /// Unused entries of `all`.
    free: Vec<u32>,
    /// Unused sign-in tokens.
    tokens: VecDeque<StoredToken>,
    reuse_tokens: bool,
    next_user: u32,
}

impl Installations {
    /// Users without installations. `reuse_tokens`: exchanged tokens are used again.
    pub fn new(users: Vec<User>, reuse_tokens: bool) -> Self {
        Self { users, reuse_tokens, ..Self::default() }
    }

    pub fn user(&self, id: u32) -> &User {
        &self.users[self.all[id as usize].user as usize]
    }

    pub fn user_mut(&mut self, id: u32) -> &mut User {
        &mut self.users[self.all[id as usize].user as usize]
    }

    pub fn get_mut(&mut self, id: u32) -> &mut Installation {
        &mut self.all[id as usize]
    }

    /// Adds an installation of a user. Returns its index.
    pub fn install(&mut self, user: u32) -> u32 {
        self.all.push(Installation { user, ..Installation::default() });
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }

    /// Like [`Self::install`], but reuses an unused entry if there is one.
    fn allocate(&mut self, user: u32) -> u32 {
        match self.free.pop() {
            None => self.install(user),
            Some(id) => {
                self.get_mut(id).user = user;
                id
            }
        }
    }

    /// Takes the signed-in installation that has been idle for longest.
    pub fn take_idle(&mut self) -> Option<u32> {
        self.idle.pop_front()
    }

    /// Adds an installation with an unused sign-in token, if there is one.
    pub fn take_with_token(&mut self) -> Option<u32> {
        let stored = self.tokens.pop_front()?;
        let id = self.allocate(stored.user);
        self.get_mut(id).jwt = Some(stored.jwt.clone());
        if self.reuse_tokens {
            self.tokens.push_back(stored);
        }
        Some(id)
    }

    /// Adds an installation of the next user, in turn.
    pub fn add_for_next_user(&mut self) -> Option<u32> {
        let users = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        let user = self.next_user.checked_rem(users)?;
        self.next_user = user + 1;
        Some(self.allocate(user))
    }

    /// Adds an installation of the next user that is not created yet.
    pub fn add_for_next_new_user(&mut self) -> Option<u32> {
        for _ in 0..self.users.len() {
            let id = self.add_for_next_user()?;
            if self.user(id).id.is_empty() {
                return Some(id);
            }
            self.release(id);
        }
        None
    }

    /// Makes an installation idle.
    pub fn return_idle(&mut self, id: u32) {
        self.idle.push_back(id);
    }

    /// Stores the sign-in token of an installation, and removes the installation.
    pub fn store_token(&mut self, id: u32) {
        let installation = self.get_mut(id);
        let (user, expires_s) = (installation.user, installation.jwt_expires_s);
        if let Some(jwt) = installation.jwt.take() {
            self.tokens.push_back(StoredToken { user, jwt, expires_s });
        }
        self.release(id);
    }

    /// Removes an installation; its entry is reused.
    pub fn release(&mut self, id: u32) {
        let installation = self.get_mut(id);
        installation.refresh_token.clear();
        installation.access_token.clear();
        installation.jwt = None;
        installation.used_by = None;
        self.free.push(id);
    }

    /// Restarts the round-robin over the users, for example to sign all in after they were created.
    pub fn reset_user_cursor(&mut self) {
        self.next_user = 0;
    }

    /// Removes the sign-in tokens that expire until a time in seconds since 1970.
    pub fn drop_expired(&mut self, moment_s: i64) {
        self.tokens.retain(|stored| stored.expires_s > moment_s);
    }

    /// The earliest expiry of an unused sign-in token, in seconds since 1970.
    pub fn earliest_expiry_s(&self) -> Option<i64> {
        self.tokens.iter().map(|stored| stored.expires_s).min().filter(|end| *end < i64::MAX)
    }

    /// The number of unused sign-in tokens.
    pub fn token_count(&self) -> usize {
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores a sign-in token of a user.
    fn store(installations: &mut Installations, user: u32) {
        let id = installations.install(user);
        installations.get_mut(id).jwt = Some("jwt".into());
        installations.store_token(id);
    }

    #[test]
    fn entries_are_reused_without_tokens_of_the_previous_installation() {
        let mut installations = Installations { users: vec![User::default(); 2], ..Installations::default() };
        store(&mut installations, 1);
        let id = installations.take_with_token().expect("a token");
        assert_eq!((installations.get_mut(id).user, installations.get_mut(id).jwt.as_deref()), (1, Some("jwt")));
        assert!(installations.take_with_token().is_none());
        installations.release(id);
        let reused = installations.add_for_next_user().expect("a user");
        let installation = installations.get_mut(reused);
        assert_eq!((reused, installation.jwt.as_deref(), installation.user), (id, None, 0));
        assert_eq!(installations.add_for_next_user().map(|id| installations.get_mut(id).user), Some(1));
        assert_eq!(installations.add_for_next_user().map(|id| installations.get_mut(id).user), Some(0));
        assert!(Installations::default().add_for_next_user().is_none());
    }

    #[test]
    fn users_are_created_only_once() {
        let mut installations = Installations { users: vec![User::default(); 3], ..Installations::default() };
        installations.users[1].id = "made".into();
        let id = [
            installations.add_for_next_new_user().expect("a user"),
            installations.add_for_next_new_user().expect("another"),
        ];
        let all = id.map(|id| installations.get_mut(id).user);
        assert_eq!(all, [0, 2]);
        installations.users.iter_mut().for_each(|user| user.id = "made".into());
        assert!(installations.add_for_next_new_user().is_none());
    }

    #[test]
    fn expired_tokens_are_dropped() {
        let mut installations = Installations { users: vec![User::default()], ..Installations::default() };
        for expires_s in [100, 300, i64::MAX] {
            let id = installations.install(0);
            installations.get_mut(id).jwt = Some("jwt".into());
            installations.get_mut(id).jwt_expires_s = expires_s;
            installations.store_token(id);
        }
        assert_eq!((installations.token_count(), installations.earliest_expiry_s()), (3, Some(100)));
        installations.drop_expired(100);
        assert_eq!((installations.token_count(), installations.earliest_expiry_s()), (2, Some(300)));
        installations.drop_expired(300);
        assert_eq!((installations.token_count(), installations.earliest_expiry_s()), (1, None));
    }

    #[test]
    fn a_reused_token_is_stored_again() {
        let mut installations =
            Installations { users: vec![User::default()], reuse_tokens: true, ..Installations::default() };
        store(&mut installations, 0);
        for _ in 0..3 {
            let id = installations.take_with_token().expect("a token");
            installations.release(id);
        }
        assert_eq!((installations.token_count(), installations.all.len()), (1, 1));
    }

    #[test]
    fn the_longest_idle_installation_is_next() {
        let mut installations = Installations { users: vec![User::default()], ..Installations::default() };
        let (one, two) =
            (installations.add_for_next_user().expect("one"), installations.add_for_next_user().expect("two"));
        installations.return_idle(one);
        installations.return_idle(two);
        assert_eq!(
            (installations.take_idle(), installations.take_idle(), installations.take_idle()),
            (Some(one), Some(two), None)
        );
    }
}
