//! How serde walks lists, maps and enums of the tree.

use super::{At, Decoder, Fault};
use crate::text::diagnostic::Diagnostic;
use crate::text::node::{Key, Kind, Node};
use crate::text::source::Span;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

pub(super) struct Items<'a> {
    pub(super) items: std::slice::Iter<'a, Node>,
    pub(super) decoder: &'a Decoder,
    pub(super) failed: bool,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.next() else {
            return if self.failed { Err(Fault::Noted) } else { Ok(None) };
        };
        seed.deserialize(At { node, decoder: self.decoder }).map(Some).map_err(|fault| {
            self.failed = true;
            self.decoder.stumbled(node);
            fault.at(node.span)
        })
    }
}

pub(super) struct Entries<'a, I: Iterator<Item = &'a (Key, Node)>> {
    pub(super) entries: I,
    pub(super) value: Option<&'a Node>,
    pub(super) decoder: &'a Decoder,
    pub(super) failed: bool,
}

impl<'de, 'a, I: Iterator<Item = &'a (Key, Node)>> de::MapAccess<'de> for Entries<'a, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.next() else {
            return if self.failed { Err(Fault::Noted) } else { Ok(None) };
        };
        self.value = Some(value);
        seed.deserialize(key.name.as_str().into_deserializer()).map(Some).map_err(|fault: Fault| fault.at(key.span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(node) = self.value.take() else { return Err(Fault::Noted) };
        seed.deserialize(At { node, decoder: self.decoder }).map_err(|fault| {
            self.failed = true;
            self.decoder.stumbled(node);
            if let Fault::New { message, span } = fault.at(node.span) {
                self.decoder.note(Diagnostic::new(&self.decoder.source, span.unwrap_or(node.span), message));
            }
            Fault::Noted
        })
    }
}

pub(super) struct SpannedParts<'a> {
    pub(super) at: At<'a>,
    pub(super) part: u8,
}

impl<'de> de::SeqAccess<'de> for SpannedParts<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.part += 1;
        let span = self.at.node.span;
        match self.part {
            1 => seed.deserialize((span.start as u64).into_deserializer()).map(Some),
            2 => seed.deserialize((span.end as u64).into_deserializer()).map(Some),
            3 => seed.deserialize(self.at).map(Some),
            _ => Ok(None),
        }
    }
}

pub(super) struct Variant<'a> {
    pub(super) word: &'a str,
    pub(super) span: Span,
    pub(super) value: Option<&'a Node>,
    pub(super) decoder: &'a Decoder,
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word: de::value::StrDeserializer<'_, Fault> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'a> Variant<'a> {
    fn value(&self) -> Result<At<'a>, Fault> {
        let missing = || Fault::New { message: format!("`{}` needs a value", self.word), span: Some(self.span) };
        Ok(At { node: self.value.ok_or_else(missing)?, decoder: self.decoder })
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None | Some(Node { kind: Kind::Null, .. }) => Ok(()),
            Some(node) => Err(Fault::New { message: format!("`{}` takes no value", self.word), span: Some(node.span) }),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}
