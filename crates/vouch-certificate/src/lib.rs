//! Certificates: a signed statement that a build passed the suite, and its verification.
//!
//! A certificate is an in-toto statement with the predicate `test-result`, in a DSSE envelope that is signed with Ed25519. It
//! names the build, the run record and the suite by SHA-256. Its views for people are a page and a badge. This crate does not know
//! how runs happen, nor the command line.

mod certifiable;
mod compatible;
mod envelope;
mod key;
mod statement;
mod verify;
mod view;

pub use certifiable::{NotCertifiable, Warnings, check};
pub use compatible::{Part, PartKind, compatible};
pub use envelope::{Envelope, EnvelopeError};
pub use key::{KeyError, PublicKey, SigningKey, write_key_pair};
pub use statement::{CertifiedWaiver, PREDICATE_TYPE, Statement, TestResult};
pub use verify::{Check, Policy, Require, SuiteRule, verify};
pub use view::{CertificateView, FileNames};
