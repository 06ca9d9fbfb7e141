//! Reads answers fast: the texts that a few JSON pointers name, without building the tree around them.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Where some values stand in a JSON document. Sources of the pointers: the wire profile (RFC 6901).
#[derive(Clone, Debug)]
pub struct Places(Vec<Vec<String>>);

/// The value at one place. Text is as it stands; a number or boolean is its JSON text.
pub type Found<'a> = Option<Cow<'a, str>>;

impl Places {
    /// At most eight pointers.
    pub fn new<'p>(pointers: impl IntoIterator<Item = &'p str>) -> Self {
        let steps = |pointer: &str| {
            let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
            steps.collect::<Vec<_>>()
        };
        Self(pointers.into_iter().take(MOST).map(steps).collect())
    }

    /// The values of a document; None where it is not JSON.
    pub fn read<'a>(&self, document: &'a [u8]) -> Option<[Found<'a>; MOST]> {
        let mut found = [const { None }; MOST];
        let mut reader = serde_json::Deserializer::from_slice(document);
        let all = u8::try_from((1_u16 << self.0.len().min(MOST)) - 1).unwrap_or(u8::MAX);
        Level { places: &self.0, live: all, depth: 0, found: &mut found }.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(found)
    }
}

/// The most places of one document.
pub const MOST: usize = 8;

/// A value on the way. `live` has a bit for each place that may stand in it.
struct Level<'p, 'f, 'a> {
    places: &'p [Vec<String>],
    live: u8,
    depth: usize,
    found: &'f mut [Found<'a>; MOST],
}

/// Whether a step is a key. The first byte tells nearly all apart, and asks no function of the C library.
fn is(step: &str, key: &str) -> bool {
    step.len() == key.len() && step.as_bytes().first() == key.as_bytes().first() && step == key
}

impl<'a> Level<'_, '_, 'a> {
    /// The places that go on with this key.
    fn below(&self, key: &str) -> u8 {
        let goes_on = |(at, place): (usize, &Vec<String>)| {
            let here = self.live & (1 << at) != 0 && place.get(self.depth).is_some_and(|step| is(step, key));
            u8::from(here) << at
        };
        self.places.iter().enumerate().map(goes_on).fold(0, |all, bit| all | bit)
    }

    fn put(&mut self, value: Cow<'a, str>) {
        for (at, place) in self.places.iter().enumerate() {
            if self.live & (1 << at) != 0 && place.len() == self.depth {
                self.found[at] = Some(value.clone());
            }
        }
    }
}

impl<'a> DeserializeSeed<'a> for Level<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Level<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key<'a>>()? {
            match self.below(&key.0) {
                0 => {
                    map.next_value::<IgnoredAny>()?;
                }
                live => {
                    let (places, depth) = (self.places, self.depth + 1);
                    map.next_value_seed(Level { places, live, depth, found: &mut *self.found })?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        loop {
            let live = self.below(&index.to_string());
            let (places, depth) = (self.places, self.depth + 1);
            if items.next_element_seed(Level { places, live, depth, found: &mut *self.found })?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_borrowed_str<E: Error>(mut self, text: &'a str) -> Result<(), E> {
        self.put(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.put(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<(), E> {
        self.put(Cow::Owned(number.to_string()));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<(), E> {
        self.put(Cow::Owned(number.to_string()));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, number: f64) -> Result<(), E> {
        self.put(Cow::Owned(number.to_string()));
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, truth: bool) -> Result<(), E> {
        self.put(Cow::Owned(truth.to_string()));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, borrowed where it holds no escapes.
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
        let found = Places::new(pointers.iter().copied()).read(document.as_bytes())?;
        Some(found.into_iter().take(pointers.len()).collect())
    }

    fn texts(pointers: &[&str], document: &str) -> Option<Vec<Option<String>>> {
        Some(read(pointers, document)?.into_iter().map(|found| found.map(Cow::into_owned)).collect())
    }

    #[test]
    fn values_are_found_as_a_tree_would_have_them() {
        let document = r#"{"a":"x","b":{"c":{"d":"deep"},"a":"other"},"n":3600,"e":"q\"uote","l":[{"z":"first"},"second"],"t":true,"u":null}"#;
        let pointers = ["/a", "/b/c/d", "/n", "/e", "/l/0/z", "/l/1", "/t", "/missing"];
        let expected: Vec<_> =
            ["x", "deep", "3600", "q\"uote", "first", "second", "true"].map(|s| Some(s.to_owned())).into();
        let mut found = texts(&pointers, document).expect("JSON");
        assert_eq!(found.pop(), Some(None));
        assert_eq!(found, expected);
    }

    #[test]
    fn texts_without_escapes_are_not_copied() {
        let found = read(&["/a"], r#"{"a":"x"}"#).expect("JSON");
        assert!(matches!(&found[0], Some(Cow::Borrowed("x"))));
    }

    #[test]
    fn broken_documents_and_leftovers_are_no_json() {
        for document in ["", "{", r#"{"a":"x"} trailing"#, r#"{"a":"x""#, "nonsense"] {
            assert!(texts(&["/a"], document).is_none(), "{document}");
        }
        assert_eq!(texts(&["/a"], "[]"), Some(vec![None]));
        assert_eq!(texts(&["/a"], r#"{"a":null}"#), Some(vec![None]));
        assert_eq!(texts(&["/a"], r#"{"a":{"b":1}}"#), Some(vec![None]));
    }
}
