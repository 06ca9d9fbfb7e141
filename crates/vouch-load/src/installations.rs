//! The virtual installations of one worker, their users, and the sign-in tokens that were made before the clock started.
//! An installation is about 200 bytes with its tokens.

use std::collections::VecDeque;
use std::sync::Arc;

/// A user of the vendor, or of the backend on the role.
#[derive(Clone, Default)]
pub struct User {
    /// Its name at the backend, or its client user id.
    pub name: Box<str>,
    /// Its id at the vendor; empty until it is known.
    pub id: Box<str>,
    /// What it shows its backend.
    pub credential: Box<str>,
}

/// An app installation. What it does not have is empty.
#[derive(Default)]
pub struct Installation {
    pub user: u32,
    pub refresh_token: String,
    pub access_token: String,
    /// The JWT of a sign-in token that is about to be exchanged.
    pub jwt: Option<Arc<str>>,
    /// When that ends, in seconds since 1970.
    pub jwt_ends_s: i64,
}

/// A sign-in token for later.
struct Kept {
    user: u32,
    jwt: Arc<str>,
    /// In seconds since 1970.
    ends_s: i64,
}

/// All installations of one worker.
#[derive(Default)]
pub struct Fleet {
    pub users: Vec<User>,
    pub installations: Vec<Installation>,
    /// Signed-in installations that do nothing now, longest idle first.
    ready: VecDeque<u32>,
    /// Slots for installations that live for one chain only.
    spare: Vec<u32>,
    /// Sign-in tokens.
    stock: VecDeque<Kept>,
    recycles: bool,
    next_user: u32,
}

impl Fleet {
    /// A fleet without installations. `recycles`: exchanged tokens go back to the stock.
    pub fn new(users: Vec<User>, recycles: bool) -> Self {
        Self { users, recycles, ..Self::default() }
    }

    pub fn user(&self, who: u32) -> &User {
        &self.users[self.installations[who as usize].user as usize]
    }

    pub fn user_mut(&mut self, who: u32) -> &mut User {
        &mut self.users[self.installations[who as usize].user as usize]
    }

    pub fn of(&mut self, who: u32) -> &mut Installation {
        &mut self.installations[who as usize]
    }

    /// A new installation of a user.
    pub fn install(&mut self, user: u32) -> u32 {
        self.installations.push(Installation { user, ..Installation::default() });
        u32::try_from(self.installations.len() - 1).unwrap_or(u32::MAX)
    }

    /// The same, in a slot that was used before, if there is one.
    fn slot(&mut self, user: u32) -> u32 {
        match self.spare.pop() {
            None => self.install(user),
            Some(who) => {
                self.of(who).user = user;
                who
            }
        }
    }

    /// A signed-in installation, if one is idle.
    pub fn signed_in(&mut self) -> Option<u32> {
        self.ready.pop_front()
    }

    /// A new installation with a sign-in token from the stock.
    pub fn with_token(&mut self) -> Option<u32> {
        let kept = self.stock.pop_front()?;
        let who = self.slot(kept.user);
        self.of(who).jwt = Some(kept.jwt.clone());
        if self.recycles {
            self.stock.push_back(kept);
        }
        Some(who)
    }

    /// A new installation of the next user.
    pub fn newcomer(&mut self) -> Option<u32> {
        let users = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        let user = self.next_user.checked_rem(users)?;
        self.next_user = user + 1;
        Some(self.slot(user))
    }

    /// A new installation of the next user that is not made yet.
    pub fn unmade(&mut self) -> Option<u32> {
        for _ in 0..self.users.len() {
            let who = self.newcomer()?;
            if self.user(who).id.is_empty() {
                return Some(who);
            }
            self.let_go(who);
        }
        None
    }

    /// Puts an installation back among the idle.
    pub fn rest(&mut self, who: u32) {
        self.ready.push_back(who);
    }

    /// Keeps an installation's sign-in token for later, and lets the installation go.
    pub fn keep_token(&mut self, who: u32) {
        let installation = self.of(who);
        let (user, ends_s) = (installation.user, installation.jwt_ends_s);
        if let Some(jwt) = installation.jwt.take() {
            self.stock.push_back(Kept { user, jwt, ends_s });
        }
        self.let_go(who);
    }

    /// Forgets an installation.
    pub fn let_go(&mut self, who: u32) {
        let installation = self.of(who);
        installation.refresh_token.clear();
        installation.access_token.clear();
        installation.jwt = None;
        self.spare.push(who);
    }

    /// Starts the round of users again, for example to sign each one in after all were made.
    pub fn rewind(&mut self) {
        self.next_user = 0;
    }

    /// Lets go of the sign-in tokens that end before a moment, in seconds since 1970.
    pub fn drop_expired(&mut self, moment_s: i64) {
        self.stock.retain(|kept| kept.ends_s > moment_s);
    }

    /// When the first sign-in token in stock ends, in seconds since 1970.
    pub fn first_end_s(&self) -> Option<i64> {
        self.stock.iter().map(|kept| kept.ends_s).min().filter(|end| *end < i64::MAX)
    }

    /// How many sign-in tokens are left.
    pub fn tokens(&self) -> usize {
        self.stock.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts a sign-in token of a user in stock.
    fn stock(fleet: &mut Fleet, user: u32) {
        let who = fleet.install(user);
        fleet.of(who).jwt = Some("jwt".into());
        fleet.keep_token(who);
    }

    #[test]
    fn slots_are_used_again_and_hold_nothing_of_the_one_before() {
        let mut fleet = Fleet { users: vec![User::default(); 2], ..Fleet::default() };
        stock(&mut fleet, 1);
        let who = fleet.with_token().expect("a token");
        assert_eq!((fleet.of(who).user, fleet.of(who).jwt.as_deref()), (1, Some("jwt")));
        assert!(fleet.with_token().is_none());
        fleet.let_go(who);
        let again = fleet.newcomer().expect("a user");
        let installation = fleet.of(again);
        assert_eq!((again, installation.jwt.as_deref(), installation.user), (who, None, 0));
        assert_eq!(fleet.newcomer().map(|who| fleet.of(who).user), Some(1));
        assert_eq!(fleet.newcomer().map(|who| fleet.of(who).user), Some(0));
        assert!(Fleet::default().newcomer().is_none());
    }

    #[test]
    fn users_that_are_made_are_not_made_again() {
        let mut fleet = Fleet { users: vec![User::default(); 3], ..Fleet::default() };
        fleet.users[1].id = "made".into();
        let who = [fleet.unmade().expect("a user"), fleet.unmade().expect("another")];
        let all = who.map(|who| fleet.of(who).user);
        assert_eq!(all, [0, 2]);
        fleet.users.iter_mut().for_each(|user| user.id = "made".into());
        assert!(fleet.unmade().is_none());
    }

    #[test]
    fn tokens_that_are_over_are_no_stock() {
        let mut fleet = Fleet { users: vec![User::default()], ..Fleet::default() };
        for ends_s in [100, 300, i64::MAX] {
            let who = fleet.install(0);
            fleet.of(who).jwt = Some("jwt".into());
            fleet.of(who).jwt_ends_s = ends_s;
            fleet.keep_token(who);
        }
        assert_eq!((fleet.tokens(), fleet.first_end_s()), (3, Some(100)));
        fleet.drop_expired(100);
        assert_eq!((fleet.tokens(), fleet.first_end_s()), (2, Some(300)));
        fleet.drop_expired(300);
        assert_eq!((fleet.tokens(), fleet.first_end_s()), (1, None));
    }

    #[test]
    fn a_recycled_token_comes_again() {
        let mut fleet = Fleet { users: vec![User::default()], recycles: true, ..Fleet::default() };
        stock(&mut fleet, 0);
        for _ in 0..3 {
            let who = fleet.with_token().expect("a token");
            fleet.let_go(who);
        }
        assert_eq!((fleet.tokens(), fleet.installations.len()), (1, 1));
    }

    #[test]
    fn the_longest_idle_installation_is_next() {
        let mut fleet = Fleet { users: vec![User::default()], ..Fleet::default() };
        let (one, two) = (fleet.newcomer().expect("one"), fleet.newcomer().expect("two"));
        fleet.rest(one);
        fleet.rest(two);
        assert_eq!((fleet.signed_in(), fleet.signed_in(), fleet.signed_in()), (Some(one), Some(two), None));
    }
}
