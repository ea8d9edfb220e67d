//! The walk through a document: `serde_json` finds the tokens, this builds the tree and counts.

use std::borrow::Cow;
use std::cell::Cell;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{JsonError, Limits, Number, Object, Value};

/// Reads a text that is one document.
pub(super) fn document<'a>(text: &'a str, limits: &Limits) -> Result<Value<'a>, JsonError> {
    let walk = Walk {
        depth: limits.depth.min(Limits::MAX_DEPTH),
        nodes_left: Cell::new(limits.nodes),
        fault: Cell::new(None),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    // What serde_json itself finds is always a fault of syntax; its message quotes the input.
    let fault = |_| walk.fault.get().unwrap_or(JsonError::Syntax);
    let value = Step { walk: &walk, depth: 0 }.deserialize(&mut reader).map_err(fault)?;
    reader.end().map_err(|_| JsonError::Syntax)?;
    Ok(value)
}

/// Members that are made room for at once in the outermost object: a header or a set of claims.
const USUAL_MEMBERS: usize = 12;

/// What is left to spend, and our own fault if there was one.
struct Walk {
    depth: usize,
    nodes_left: Cell<usize>,
    fault: Cell<Option<JsonError>>,
}

impl Walk {
    fn refuse<E: Error>(&self, fault: JsonError) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn spend_node<E: Error>(&self) -> Result<(), E> {
        let left = self.nodes_left.get().checked_sub(1);
        self.nodes_left.set(left.ok_or_else(|| self.refuse(JsonError::TooManyNodes))?);
        Ok(())
    }
}

/// The value that stands inside `depth` containers.
#[derive(Clone, Copy)]
struct Step<'w> {
    walk: &'w Walk,
    depth: usize,
}

impl Step<'_> {
    /// The step for what is inside the container that begins here.
    fn enter<E: Error>(self) -> Result<Self, E> {
        if self.depth >= self.walk.depth {
            return Err(self.walk.refuse(JsonError::TooDeep));
        }
        Ok(Self { walk: self.walk, depth: self.depth.saturating_add(1) })
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Int(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        #[expect(clippy::cast_precision_loss, reason = "outside i64 a number is a float")]
        let float = || Number::Float(number as f64);
        Ok(Value::Number(i64::try_from(number).map_or_else(|_| float(), Number::Int)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        if !number.is_finite() {
            return Err(self.walk.refuse(JsonError::Syntax));
        }
        Ok(Value::Number(Number::Float(number)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value<'de>, A::Error> {
        let inside = self.enter()?;
        let mut elements = Vec::new();
        while let Some(element) = array.next_element_seed(inside)? {
            self.walk.spend_node()?;
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value<'de>, A::Error> {
        let inside = self.enter()?;
        let mut members = Vec::with_capacity(if self.depth == 0 { USUAL_MEMBERS } else { 0 });
        while let Some(name) = object.next_key_seed(Name)? {
            self.walk.spend_node()?;
            members.push((name, object.next_value_seed(inside)?));
        }
        let object = Object { members };
        if object.has_duplicates() {
            return Err(self.walk.refuse(JsonError::DuplicateName));
        }
        Ok(Value::Object(object))
    }
}

/// The name of a member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
