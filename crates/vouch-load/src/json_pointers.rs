//! Extracts the values of a few JSON pointers from a document without building a tree.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A set of JSON pointers (RFC 6901), for example from the wire profile.
#[derive(Clone, Debug)]
pub struct JsonPointers(Vec<Option<Vec<String>>>);

/// The value at a pointer: a string, or the JSON text of a number or boolean. Empty for an object or a list, none for `null`.
pub type PointerValue<'a> = Option<Cow<'a, str>>;

impl JsonPointers {
    /// At most eight pointers.
    pub fn new<'p>(pointers: impl IntoIterator<Item = &'p str>) -> Self {
        Self::of_named(pointers.into_iter().map(Some))
    }

    /// The same, where a pointer that is missing finds nothing.
    pub fn of_named<'p>(pointers: impl IntoIterator<Item = Option<&'p str>>) -> Self {
        let steps = |pointer: &str| {
            let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
            steps.collect::<Vec<_>>()
        };
        Self(pointers.into_iter().take(MAX_POINTERS).map(|pointer| pointer.map(steps)).collect())
    }

    /// The values in a document; `None` if it is not JSON.
    pub fn read<'a>(&self, document: &'a [u8]) -> Option<[PointerValue<'a>; MAX_POINTERS]> {
        let mut found = [const { None }; MAX_POINTERS];
        let mut reader = serde_json::Deserializer::from_slice(document);
        let all = u8::try_from((1_u16 << self.0.len().min(MAX_POINTERS)) - 1).unwrap_or(u8::MAX);
        PointerVisitor { pointers: &self.0, active: all, depth: 0, found: &mut found }.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(found)
    }
}

/// The maximum number of pointers.
pub const MAX_POINTERS: usize = 8;

/// Visits one level of the document. `active` has a bit for each pointer that may lead into it.
struct PointerVisitor<'p, 'f, 'a> {
    pointers: &'p [Option<Vec<String>>],
    active: u8,
    depth: usize,
    found: &'f mut [PointerValue<'a>; MAX_POINTERS],
}

/// Whether a pointer segment matches a key. Comparing the first byte avoids most calls of `memcmp`.
fn matches_key(step: &str, key: &str) -> bool {
    step.len() == key.len() && step.as_bytes().first() == key.as_bytes().first() && step == key
}

impl<'a> PointerVisitor<'_, '_, 'a> {
    /// The pointers that continue with this key.
    fn matching(&self, key: &str) -> u8 {
        let goes_on = |(at, pointer): (usize, &Option<Vec<String>>)| {
            let step =
                pointer.as_ref().filter(|_| self.active & (1 << at) != 0).and_then(|steps| steps.get(self.depth));
            u8::from(step.is_some_and(|step| matches_key(step, key))) << at
        };
        self.pointers.iter().enumerate().map(goes_on).fold(0, |all, bit| all | bit)
    }

    fn store(&mut self, value: Cow<'a, str>) {
        for (at, pointer) in self.pointers.iter().enumerate() {
            if self.active & (1 << at) != 0 && pointer.as_ref().is_some_and(|steps| steps.len() == self.depth) {
                self.found[at] = Some(value.clone());
            }
        }
    }
}

impl<'a> DeserializeSeed<'a> for PointerVisitor<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for PointerVisitor<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.store(Cow::Borrowed(""));
        while let Some(key) = map.next_key::<Key<'a>>()? {
            match self.matching(&key.0) {
                0 => {
                    map.next_value::<IgnoredAny>()?;
                }
                active => {
                    let (pointers, depth) = (self.pointers, self.depth + 1);
                    map.next_value_seed(PointerVisitor { pointers, active, depth, found: &mut *self.found })?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.store(Cow::Borrowed(""));
        let mut index = 0_usize;
        loop {
            let active = self.matching(&index.to_string());
            let (pointers, depth) = (self.pointers, self.depth + 1);
            if items.next_element_seed(PointerVisitor { pointers, active, depth, found: &mut *self.found })?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_borrowed_str<E: Error>(mut self, text: &'a str) -> Result<(), E> {
        self.store(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.store(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<(), E> {
        self.store(Cow::Owned(number.to_string()));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<(), E> {
        self.store(Cow::Owned(number.to_string()));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, number: f64) -> Result<(), E> {
        self.store(Cow::Owned(number.to_string()));
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, truth: bool) -> Result<(), E> {
        self.store(Cow::Owned(truth.to_string()));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, borrowed unless it contains escapes.
struct Key<'a>(Cow<'a, str>);

impl<'a> serde::Deserialize<'a> for Key<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'a> Visitor<'a> for Read {
            type Value = Key<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(pointers: &[&str], document: &'a str) -> Option<Vec<Option<Cow<'a, str>>>> {
        let found = JsonPointers::new(pointers.iter().copied()).read(document.as_bytes())?;
        Some(found.into_iter().take(pointers.len()).collect())
    }

    fn texts(pointers: &[&str], document: &str) -> Option<Vec<Option<String>>> {
        Some(read(pointers, document)?.into_iter().map(|found| found.map(Cow::into_owned)).collect())
    }

    #[test]
    fn values_are_the_same_as_in_a_tree() {
        let document = r#"{"a":"x","b":{"c":{"d":"deep"},"a":"other"},"n":3600,"e":"q\"uote","l":[{"z":"first"},"second"],"t":true,"u":null}"#;
        let pointers = ["/a", "/b/c/d", "/n", "/e", "/l/0/z", "/l/1", "/t", "/missing"];
        let expected: Vec<_> =
            ["x", "deep", "3600", "q\"uote", "first", "second", "true"].map(|s| Some(s.to_owned())).into();
        let mut found = texts(&pointers, document).expect("JSON");
        assert_eq!(found.pop(), Some(None));
        assert_eq!(found, expected);
    }

    #[test]
    fn strings_without_escapes_are_not_copied() {
        let found = read(&["/a"], r#"{"a":"x"}"#).expect("JSON");
        assert!(matches!(&found[0], Some(Cow::Borrowed("x"))));
    }

    #[test]
    fn invalid_documents_and_trailing_bytes_are_rejected() {
        for document in ["", "{", r#"{"a":"x"} trailing"#, r#"{"a":"x""#, "nonsense"] {
            assert!(texts(&["/a"], document).is_none(), "{document}");
        }
        assert_eq!(texts(&["/a"], "[]"), Some(vec![None]));
        assert_eq!(texts(&["/a"], r#"{"a":null}"#), Some(vec![None]));
        for nested in [r#"{"a":{"b":1}}"#, r#"{"a":[]}"#] {
            assert_eq!(texts(&["/a"], nested), Some(vec![Some(String::new())]));
        }
    }
}
