//! Files that people write, read with positions: YAML and TOML become one spanned tree, the tree becomes
//! Rust types through serde, and every mistake becomes a [`Diagnostic`] with file, line, column and a caret.
//!
//! This layer knows text only: nothing of scenarios, targets or clauses.
//!
//! ```
//! use vouch_spec::text::{Decoder, Source};
//!
//! #[derive(serde::Deserialize, Debug)]
//! #[serde(deny_unknown_fields)]
//! struct Dog { name: String }
//!
//! let source = Source::new("dog.yaml", "nme: Rex\n");
//! let (tree, _) = vouch_spec::text::yaml::parse(&source);
//! let decoder = Decoder::new(&source);
//! let dog = decoder.decode::<Dog>(&tree.unwrap());
//! assert!(dog.is_none());
//! let problems = decoder.finish();
//! assert_eq!(problems[0].help.as_deref(), Some("did you mean `name`?"));
//! assert_eq!(problems[0].place(), "dog.yaml:1:1");
//! ```

mod decode;
mod diagnostic;
mod node;
mod outside;
mod read;
mod snippet;
mod source;
mod suggest;
pub mod toml;
pub mod yaml;

pub use decode::{Decoder, Spanned};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use node::{Key, Node, NodeKind};
pub use outside::OutsideText;
pub use read::read_file;
pub use source::{Source, Span};
pub use suggest::{did_you_mean, suggest};

/// Bytes as text; what is no UTF-8 is replaced. Text that is well is told so at once.
pub fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), std::borrow::Cow::Borrowed)
}
