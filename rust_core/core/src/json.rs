//! Strict JSON (RFC 8259): one document, borrowed from its bytes where it can be.
//!
//! Stricter than most readers where leniency lets two programs see two documents: a name that
//! stands twice in an object is refused at every depth (compared after unescaping), and so are a
//! byte-order mark, `NaN`, lone surrogates and anything after the value. Work is bounded by
//! [`Limits`] before it is done: no input costs more than its length times a logarithm.

mod read;

use std::borrow::Cow;

use thiserror::Error;

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
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Error)]
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
        self.members.iter().find(|(have, _)| is_same(have, name)).map(|(_, value)| value)
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
                if others.iter().any(|(other, _)| is_same(other, name)) {
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

/// Whether two names are one. Names of one length nearly always differ in their first byte, which
/// spares a call for each of the many pairs.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().next() == other.bytes().next() && one == other
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
    read::document(text, limits)
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

#[cfg(test)]
mod tests;
