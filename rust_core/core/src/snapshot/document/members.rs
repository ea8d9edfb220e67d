//! Reading one member at a time, noting each fault with its place.
//!
//! What cannot be read stands as its empty value, so that reading goes on.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use crate::json::{Number, Object, Value};
use crate::snapshot::catalogue::Fault;

/// The faults found so far.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub(in crate::snapshot) fn add(&self, place: &Place<'_>, message: impl Into<String>) {
        self.0.borrow_mut().push(Fault { place: place.to_string(), message: message.into() });
    }

    /// Every fault once, in the order in which they were found.
    pub(in crate::snapshot) fn into_vec(self) -> Vec<Fault> {
        let faults = self.0.into_inner();
        let mut seen = HashSet::with_capacity(faults.len());
        faults.into_iter().filter(|fault| seen.insert(fault.clone())).collect()
    }
}

/// A place in the document, written as a JSON Pointer only when a fault is found there.
#[derive(Clone, Copy, Debug)]
pub(in crate::snapshot) struct Place<'p> {
    up: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Element(usize),
}

impl<'p> Place<'p> {
    pub(in crate::snapshot) const ROOT: Place<'static> = Place { up: None, step: Step::Root };

    pub(in crate::snapshot) const fn member(&'p self, name: &'p str) -> Self {
        Place { up: Some(self), step: Step::Member(name) }
    }

    pub(in crate::snapshot) const fn element(&'p self, index: usize) -> Self {
        Place { up: Some(self), step: Step::Element(index) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(up) = self.up {
            up.fmt(to)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => write!(to, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Element(index) => write!(to, "/{index}"),
        }
    }
}

/// The members of an object, with the place where the object stands.
pub(in crate::snapshot) struct Members<'m, 'a> {
    object: Option<&'m Object<'a>>,
    place: Place<'m>,
    faults: &'m Faults,
}

impl<'m, 'a> Members<'m, 'a> {
    pub(in crate::snapshot) fn read(
        value: &'m Value<'a>,
        place: Place<'m>,
        faults: &'m Faults,
        known: &[&str],
    ) -> Self {
        let Value::Object(object) = value else {
            faults.add(&place, "must be an object");
            return Self { object: None, place, faults };
        };
        for (name, _) in object.iter() {
            if !known.contains(&name) {
                faults.add(&place.member(name), "is not a member that is understood here");
            }
        }
        Self { object: Some(object), place, faults }
    }

    pub(in crate::snapshot) fn fault(&self, name: &str, message: impl Into<String>) {
        self.faults.add(&self.place.member(name), message);
    }

    /// The member, unless it is absent or null.
    pub(in crate::snapshot) fn get(&self, name: &str) -> Option<&'m Value<'a>> {
        self.object?.get(name).filter(|value| !matches!(value, Value::Null))
    }

    /// The member, null included; a fault where it is absent.
    pub(in crate::snapshot) fn required(&self, name: &str) -> Option<&'m Value<'a>> {
        let value = self.object?.get(name);
        if value.is_none() {
            self.fault(name, "is missing");
        }
        value
    }

    pub(in crate::snapshot) fn nested<T>(
        &self,
        name: &str,
        read: impl Fn(&Value<'_>, Place<'_>, &Faults) -> T,
    ) -> Option<T> {
        self.get(name).map(|value| read(value, self.place.member(name), self.faults))
    }

    pub(in crate::snapshot) fn required_nested<T>(
        &self,
        name: &str,
        read: impl Fn(&Value<'_>, Place<'_>, &Faults) -> T,
    ) -> Option<T> {
        self.required(name).map(|value| read(value, self.place.member(name), self.faults))
    }

    pub(in crate::snapshot) fn entries<T>(
        &self,
        name: &str,
        read: impl Fn(&Value<'_>, Place<'_>, &Faults) -> T,
    ) -> Vec<T> {
        let place = self.place.member(name);
        match self.required(name) {
            Some(Value::Array(values)) => values
                .iter()
                .enumerate()
                .map(|(index, value)| read(value, place.element(index), self.faults))
                .collect(),
            Some(_) => {
                self.faults.add(&place, "must be an array");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A required string that is not empty.
    pub(in crate::snapshot) fn text(&self, name: &str) -> String {
        match self.required(name) {
            Some(Value::String(text)) if !text.is_empty() => text.clone().into_owned(),
            Some(_) => {
                self.fault(name, "must be a non-empty string");
                String::new()
            }
            None => String::new(),
        }
    }

    pub(in crate::snapshot) fn optional_text(&self, name: &str) -> Option<String> {
        self.get(name).map(|_| self.text(name))
    }

    /// A required array of strings that are not empty and differ.
    pub(in crate::snapshot) fn texts(&self, name: &str) -> Vec<String> {
        let seen = RefCell::new(HashSet::new());
        self.entries(name, |value, place, faults| match value {
            Value::String(text) if !text.is_empty() => {
                if !seen.borrow_mut().insert(text.clone().into_owned()) {
                    faults.add(&place, format!("`{text}` stands twice"));
                }
                Some(text.clone().into_owned())
            }
            _ => {
                faults.add(&place, "must be a non-empty string");
                None
            }
        })
        .into_iter()
        .flatten()
        .collect()
    }

    pub(in crate::snapshot) fn optional_texts(&self, name: &str) -> Vec<String> {
        if self.get(name).is_some() { self.texts(name) } else { Vec::new() }
    }

    pub(in crate::snapshot) fn flag(&self, name: &str, default: bool) -> bool {
        match self.get(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.fault(name, "must be true or false");
                default
            }
        }
    }

    pub(in crate::snapshot) fn seconds(&self, name: &str) -> Option<i64> {
        if let Value::Number(Number::Int(seconds)) = self.get(name)? {
            Some(*seconds)
        } else {
            self.fault(name, "must be an integer");
            None
        }
    }

    /// A required string out of a closed list; the first of the list where it is none of them.
    pub(in crate::snapshot) fn choice(&self, name: &str, choices: &[&'static str]) -> &'static str {
        let value = self.required(name);
        if let Some(Value::String(text)) = value
            && let Some(choice) = choices.iter().find(|choice| *choice == text)
        {
            return choice;
        }
        if value.is_some() {
            self.fault(name, format!("must be one of: {}", choices.join(", ")));
        }
        choices.first().copied().unwrap_or_default()
    }

    pub(in crate::snapshot) fn optional_choice(
        &self,
        name: &str,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        self.get(name).map(|_| self.choice(name, choices))
    }
}
