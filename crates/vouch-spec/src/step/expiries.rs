//! Expiry that steps wait for: in real time, tokens must be short-lived for it.

/// How many steps still wait for a kind of token to expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    /// Steps that wait for sign-in tokens to expire.
    pub sign_in_token: usize,
    /// Steps that wait for access tokens to expire.
    pub access_token: usize,
}

impl Expiries {
    /// Those of both.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            sign_in_token: self.sign_in_token + more.sign_in_token,
            access_token: self.access_token + more.access_token,
        }
    }
}
