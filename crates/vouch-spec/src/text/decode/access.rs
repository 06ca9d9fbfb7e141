//! How serde walks lists, maps and enums of the tree.

use super::{DecodeError, Decoder, NodeDeserializer};
use crate::text::diagnostic::Diagnostic;
use crate::text::node::{Key, Node, NodeKind};
use crate::text::source::Span;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

pub(super) struct Items<'a> {
    pub(super) items: std::slice::Iter<'a, Node>,
    pub(super) decoder: &'a Decoder,
    pub(super) failed: bool,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        let Some(node) = self.items.next() else {
            return if self.failed { Err(DecodeError::Reported) } else { Ok(None) };
        };
        seed.deserialize(NodeDeserializer { node, decoder: self.decoder }).map(Some).map_err(|error| {
            self.failed = true;
            self.decoder.record_failure(node);
            error.at(node.span)
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
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((key, value)) = self.entries.next() else {
            return if self.failed { Err(DecodeError::Reported) } else { Ok(None) };
        };
        self.value = Some(value);
        seed.deserialize(key.name.as_str().into_deserializer())
            .map(Some)
            .map_err(|error: DecodeError| error.at(key.span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let Some(node) = self.value.take() else { return Err(DecodeError::Reported) };
        seed.deserialize(NodeDeserializer { node, decoder: self.decoder }).map_err(|error| {
            self.failed = true;
            self.decoder.record_failure(node);
            if let DecodeError::New { message, span } = error.at(node.span) {
                self.decoder.report(Diagnostic::new(&self.decoder.source, span.unwrap_or(node.span), message));
            }
            DecodeError::Reported
        })
    }
}

pub(super) struct SpannedParts<'a> {
    pub(super) at: NodeDeserializer<'a>,
    pub(super) part: u8,
}

impl<'de> de::SeqAccess<'de> for SpannedParts<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
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

pub(super) struct EnumVariant<'a> {
    pub(super) word: &'a str,
    pub(super) span: Span,
    pub(super) value: Option<&'a Node>,
    pub(super) decoder: &'a Decoder,
}

impl<'de> de::EnumAccess<'de> for EnumVariant<'_> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let word: de::value::StrDeserializer<'_, DecodeError> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'a> EnumVariant<'a> {
    fn value(&self) -> Result<NodeDeserializer<'a>, DecodeError> {
        let missing = || DecodeError::New { message: format!("`{}` needs a value", self.word), span: Some(self.span) };
        Ok(NodeDeserializer { node: self.value.ok_or_else(missing)?, decoder: self.decoder })
    }
}

impl<'de> de::VariantAccess<'de> for EnumVariant<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.value {
            None | Some(Node { kind: NodeKind::Null, .. }) => Ok(()),
            Some(node) => {
                Err(DecodeError::New { message: format!("`{}` takes no value", self.word), span: Some(node.span) })
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}
