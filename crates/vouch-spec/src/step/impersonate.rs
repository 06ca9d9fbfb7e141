//! `impersonate`: the app of one user names another user, in every way that backends are known to believe (ISS-3).

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Impersonate {
    /// The person whose credential every request carries.
    pub user: String,
    /// The person whom the requests name.
    pub other: String,
    /// Where they name that person.
    pub place: NamingPlace,
}

/// Where a request names a user.
#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NamingPlace {
    /// In the place of `$user` in the token request of the target file: path, query, headers and body, each alone and all
    /// together.
    Template,
    Query,
    Header,
    Cookie,
    /// A member of the JSON body.
    Body,
    /// A member of an object in the JSON body.
    NestedBody,
    /// A field of a form body.
    Form,
}

impl NamingPlace {
    fn words(self) -> &'static str {
        match self {
            NamingPlace::Template => "where the request names its own user",
            NamingPlace::Query => "in the query",
            NamingPlace::Header => "in a header",
            NamingPlace::Cookie => "in a cookie",
            NamingPlace::Body => "in the body",
            NamingPlace::NestedBody => "in an object of the body",
            NamingPlace::Form => "in a form",
        }
    }
}

impl StepFields for Impersonate {
    const NAME: &str = "impersonate";
    const ABOUT: &str =
        "The app of one user names another user in its token requests. No token may be of another user than its own.";
    const NAMES_USER: bool = true;

    fn describe(&self) -> String {
        format!("the app of {} names {} {}", self.user, self.other, self.place.words())
    }
}
