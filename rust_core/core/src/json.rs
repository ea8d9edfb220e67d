//! Strict JSON (RFC 8259): one document, borrowed from its bytes where it can be.
//!
//! Stricter than most readers where leniency lets two programs see two documents: a name that
//! stands twice in an object is refused at every depth (compared after unescaping), and so are a
//! byte-order mark, `NaN`, lone surrogates and anything after the value. Work is bounded by
//! [`Limits`] before it is done: no input costs more than its length times a logarithm.

use std::borrow::Cow;
use std::cell::Cell;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use thiserror::Error as ThisError;

/// How much one document may be. Each bound is inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Length of the document in bytes.
    pub bytes: usize,
    /// Arrays and objects inside one another; a lone number has depth 0. Values over
    /// [`Limits::MAX_DEPTH`] count as that.
    pub depth: usize,
    /// Members and elements of all objects and arrays together.
    pub nodes: usize,
}

impl Limits {
    /// The deepest nesting that can be allowed: a little less than what `serde_json` stops at, so
    /// that it is always this module that says [`JsonError::TooDeep`].
    pub const MAX_DEPTH: usize = 120;
}

/// Why a document was refused. Holds no text of the document, so every value is safe to log.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, ThisError)]
#[non_exhaustive]
pub enum JsonError {
    /// More bytes than [`Limits::bytes`].
    #[error("the JSON document is larger than allowed")]
    TooLarge,
    /// Not UTF-8 (RFC 8259, section 8.1).
    #[error("the JSON document is not UTF-8")]
    NotUtf8,
    /// Not the grammar of RFC 8259, a number beyond all range, or a lone surrogate.
    #[error("the JSON document is not well-formed")]
    Syntax,
    /// A name stands twice in one object.
    #[error("a name stands twice in one JSON object")]
    DuplicateName,
    /// More nesting than [`Limits::depth`].
    #[error("the JSON document is nested deeper than allowed")]
    TooDeep,
    /// More members and elements than [`Limits::nodes`].
    #[error("the JSON document has more members and elements than allowed")]
    TooManyNodes,
    /// A value that is not an object where an object must be.
    #[error("the JSON document is not an object")]
    NotAnObject,
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, borrowed unless it holds an escape.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

impl<'a> Value<'a> {
    /// The JSON type, as RFC 8259 names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The truth value, if this is a boolean.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The number, if this is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<Number> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The members, if this is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }
}

/// A JSON number. Never NaN and never infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Written without fraction or exponent, and within `i64`. (`-0` is a [`Number::Float`].)
    Int(i64),
    /// All others: fractions, exponents, integers outside `i64`.
    Float(f64),
}

/// A JSON object: its members in the order of the document, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The value of the member with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(have, _)| have == name).map(|(_, value)| value)
    }

    /// Whether there is a member with this name, whatever its value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The members in the order of the document.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Pairs for the few members of a usual object, else a sort: never quadratic, and without a
    /// hash whose seed would have to come from somewhere.
    fn has_duplicates(&self) -> bool {
        if self.members.len() <= FEW_MEMBERS {
            let mut rest = self.members.as_slice();
            while let Some(((name, _), others)) = rest.split_first() {
                if others.iter().any(|(other, _)| other == name) {
                    return true;
                }
                rest = others;
            }
            return false;
        }
        let mut names: Vec<&str> = self.members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
    }
}

/// Reads one document.
///
/// # Errors
///
/// The first [`JsonError`] met; a document may have several.
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Value<'a>, JsonError> {
    if bytes.len() > limits.bytes {
        return Err(JsonError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
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

/// Reads one document that must be an object.
///
/// # Errors
///
/// As [`parse`], and [`JsonError::NotAnObject`].
pub fn parse_object<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Object<'a>, JsonError> {
    match parse(bytes, limits)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Up to this many members, comparing all pairs is cheaper than sorting.
const FEW_MEMBERS: usize = 16;

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

#[cfg(test)]
mod tests;
