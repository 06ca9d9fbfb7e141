//! A customer's team.

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
