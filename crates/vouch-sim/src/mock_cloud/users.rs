//! The users of one realm, found by id and by client user id.

use super::segmented_vec::{Index, SegmentedVec};
use std::hash::{BuildHasher, Hasher};

/// A vendor user.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub client_user_id: String,
    pub deleted: bool,
    /// How often it was deleted. A sign-in token does not outlive a deletion, even if the user comes back.
    pub deletions: u32,
}

/// A user and where its sessions begin.
pub(super) struct UserRow {
    pub user: User,
    /// The number of its newest session.
    pub newest_session: Option<u32>,
}

/// The users of one realm. About 200 bytes a user.
#[derive(Default)]
pub(super) struct Users {
    rows: SegmentedVec<UserRow>,
    by_id: Index,
    by_client_id: Index,
    live: usize,
    hasher: hashbrown::DefaultHashBuilder,
}

impl Users {
    /// Adds a user, whether or not its ids are taken. None when there are too many.
    pub fn add(&mut self, user: User) -> Option<&User> {
        let (id, client_id) = (self.hash_id(&user.id), self.hash(&user.client_user_id));
        let number = self.rows.push(UserRow { user, newest_session: None })?;
        self.by_id.add(id, number);
        self.by_client_id.add(client_id, number);
        self.live += 1;
        self.rows.get(number).map(|row| &row.user)
    }

    pub fn row(&self, number: u32) -> Option<&UserRow> {
        self.rows.get(number)
    }

    pub fn row_mut(&mut self, number: u32) -> Option<&mut UserRow> {
        self.rows.get_mut(number)
    }

    /// The number of the first user with an id in any letter case, deleted or not.
    pub fn numbered(&self, id: &str) -> Option<u32> {
        self.first(self.by_id.rows(self.hash_id(id)), |user| user.id.eq_ignore_ascii_case(id))
    }

    /// The number of the first user with an id that is not deleted.
    pub fn live_numbered(&self, id: &str) -> Option<u32> {
        self.first(self.by_id.rows(self.hash_id(id)), |user| !user.deleted && user.id.eq_ignore_ascii_case(id))
    }

    /// The first user with a client user id that is not deleted.
    pub fn by_client_id(&self, id: &str) -> Option<&User> {
        let of = self.by_client_id.rows(self.hash(id));
        let number = self.first(of, |user| !user.deleted && user.client_user_id == id)?;
        self.rows.get(number).map(|row| &row.user)
    }

    /// The number of the first deleted user with a client user id.
    pub fn deleted_numbered(&self, client_id: &str) -> Option<u32> {
        self.first(self.by_client_id.rows(self.hash(client_id)), |user| {
            user.deleted && user.client_user_id == client_id
        })
    }

    fn first(&self, rows: impl Iterator<Item = u32>, fits: impl Fn(&User) -> bool) -> Option<u32> {
        rows.filter(|number| self.rows.get(*number).is_some_and(|row| fits(&row.user))).min()
    }

    pub fn set_deleted(&mut self, number: u32, deleted: bool) {
        let Some(row) = self.rows.get_mut(number) else { return };
        match (row.user.deleted, deleted) {
            (false, true) => {
                self.live -= 1;
                row.user.deletions += 1;
            }
            (true, false) => self.live += 1,
            _ => {}
        }
        row.user.deleted = deleted;
    }

    /// Those that are not deleted, in the order of their making.
    pub fn live(&self) -> impl Iterator<Item = &User> {
        self.rows.iter().map(|row| &row.user).filter(|user| !user.deleted)
    }

    pub fn live_count(&self) -> usize {
        self.live
    }

    fn hash(&self, text: &str) -> u32 {
        low(self.hasher.hash_one(text))
    }

    fn hash_id(&self, id: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        id.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        low(hasher.finish())
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half of a hash is a hash")]
fn low(hash: u64) -> u32 {
    hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, client_id: &str) -> User {
        User { id: id.into(), client_user_id: client_id.into(), deleted: false, deletions: 0 }
    }

    #[test]
    fn the_first_that_lives_is_found() {
        let mut users = Users::default();
        for (id, client_id) in [("AB-1", "ada"), ("ab-2", "ada"), ("ab-3", "bob")] {
            users.add(user(id, client_id));
        }
        assert_eq!(users.by_client_id("ada").map(|user| user.id.as_str()), Some("AB-1"));
        assert_eq!(
            (users.live_numbered("ab-1"), users.live_numbered("Ab-2"), users.numbered("x")),
            (Some(0), Some(1), None)
        );
        users.set_deleted(0, true);
        users.set_deleted(0, true);
        assert_eq!(users.by_client_id("ada").map(|user| user.id.as_str()), Some("ab-2"));
        assert_eq!((users.live_numbered("ab-1"), users.numbered("ab-1"), users.live_count()), (None, Some(0), 2));
        users.set_deleted(0, false);
        assert_eq!(users.live().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["AB-1", "ab-2", "ab-3"]);
    }
}
