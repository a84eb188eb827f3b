//! Places in a document: `$.a.0.b`, with dots only; `*` is every child, and a backslash takes a dot for what it is.
//!
//! What is there is read in the first place that a path leads to, and written to all of them, as Trigger.dev does. Containers on the way are
//! not made, and a `null` that is named is not written over.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter;

use super::document::{Document, Json};

/// A list that is longer than this, by writing past its end, would not fit into a document's largest size.
const LONGEST_LIST: usize = 52_428;

/// More steps than any document has levels.
const MOST_STEPS: usize = 64;

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Child(String),
    Every,
}

/// What is in the first place that a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum First {
    /// It leads nowhere, or to `null`.
    Nowhere,
    /// To a place where nothing is as yet.
    Free,
    /// To this.
    Value(Json),
}

impl Path {
    /// Reads what stands behind `$.`. None where that names nothing, or more steps than there can be.
    pub fn read(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut step = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '.' => finish(&mut steps, &mut step),
                '\\' => match characters.next() {
                    Some(escaped @ ('.' | '\\')) => step.push(escaped),
                    Some(other) => step.extend(['\\', other]),
                    None => {}
                },
                _ => step.push(character),
            }
        }
        finish(&mut steps, &mut step);
        (1..=MOST_STEPS).contains(&steps.len()).then_some(Self(steps))
    }

    /// The member of the document that everything it leads to is in; none where that may be any.
    pub fn member(&self) -> Option<&str> {
        match self.0.first() {
            Some(Step::Child(name)) => Some(name),
            Some(Step::Every) | None => None,
        }
    }

    /// What is in the first place.
    pub fn first(&self, document: &Document) -> First {
        let Some((depth, value)) = self.places(document).into_iter().next().map(|place| (place.depth, place.value))
        else {
            return First::Nowhere;
        };
        match value {
            None => First::Free,
            Some(Json::Array(elements)) => First::Value(Json::Array(flat(elements, depth))),
            Some(value) => First::Value(value.clone()),
        }
    }

    /// Writes a value to every place. None where there is no place, and else whether anything is different now.
    pub fn write(&self, document: &mut Document, value: &Json) -> Option<bool> {
        let places: Vec<Vec<String>> = self.places(document).into_iter().map(|place| place.steps).collect();
        if places.is_empty() {
            return None;
        }
        let mut has_changed = false;
        for place in &places {
            has_changed |= put(document, place, value);
        }
        Some(has_changed)
    }

    fn places<'a>(&self, document: &'a Document) -> Vec<Place<'a>> {
        let mut places = Vec::new();
        let Some((first, rest)) = self.0.split_first() else { return places };
        for (name, value, depth) in children_of_document(document, first) {
            follow(Place { steps: [name].into(), depth, value }, rest, &mut places);
        }
        places
    }
}

struct Place<'a> {
    steps: Vec<String>,
    /// How many steps were `*`.
    depth: usize,
    value: Option<&'a Json>,
}

fn finish(steps: &mut Vec<Step>, step: &mut String) {
    match core::mem::take(step).as_str() {
        "" => {}
        "*" => steps.push(Step::Every),
        name => steps.push(Step::Child(name.replacen("~1", "/", 1))),
    }
}

fn follow<'a>(place: Place<'a>, steps: &[Step], places: &mut Vec<Place<'a>>) {
    let Some((step, rest)) = steps.split_first() else {
        places.push(place);
        return;
    };
    let found: Vec<_> = match place.value {
        Some(Json::Object(members)) => children_of_document(members, step),
        Some(Json::Array(elements)) => children_of_list(elements, step),
        _ => return,
    };
    for (name, value, depth) in found {
        let steps = place.steps.iter().cloned().chain(iter::once(name)).collect();
        follow(Place { steps, depth: place.depth + depth, value }, rest, places);
    }
}

type Child<'a> = (String, Option<&'a Json>, usize);

fn children_of_document<'a>(members: &'a Document, step: &Step) -> Vec<Child<'a>> {
    match step {
        Step::Every => members.names().map(|name| (name.to_owned(), members.get(name), 1)).collect(),
        Step::Child(name) => named(name, members.get(name)),
    }
}

fn children_of_list<'a>(elements: &'a [Json], step: &Step) -> Vec<Child<'a>> {
    match step {
        Step::Every => {
            let numbered = elements.iter().enumerate();
            numbered.map(|(index, element)| (super::text::decimal(index as u64), Some(element), 1)).collect()
        }
        Step::Child(name) => index(name).map(|index| named(name, elements.get(index))).unwrap_or_default(),
    }
}

/// The place under a name, unless `null` is in it.
fn named<'a>(name: &str, value: Option<&'a Json>) -> Vec<Child<'a>> {
    if value == Some(&Json::Null) { Vec::new() } else { [(name.to_owned(), value, 0)].into() }
}

/// A number as JavaScript writes it.
fn index(name: &str) -> Option<usize> {
    let is_canonical = name == "0" || !name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|index| is_canonical && *index < LONGEST_LIST)
}

fn put(document: &mut Document, steps: &[String], value: &Json) -> bool {
    let Some((last, way)) = steps.split_last() else { return false };
    let Some((first, way)) = way.split_first() else { return put_member(document, last, value) };
    let mut container = document.get_mut(first);
    for step in way {
        container = match container {
            Some(Json::Object(members)) => members.get_mut(step),
            Some(Json::Array(elements)) => index(step).and_then(|index| elements.get_mut(index)),
            _ => None,
        };
    }
    match container {
        Some(Json::Object(members)) => put_member(members, last, value),
        Some(Json::Array(elements)) => index(last).is_some_and(|index| put_element(elements, index, value)),
        _ => false,
    }
}

fn put_member(members: &mut Document, name: &str, value: &Json) -> bool {
    if members.get(name).is_some_and(|old| old.is_same(value)) {
        return false;
    }
    members.set(name, value.clone());
    true
}

fn put_element(elements: &mut Vec<Json>, index: usize, value: &Json) -> bool {
    if index >= elements.len() {
        elements.resize(index, Json::Null);
        elements.push(value.clone());
        return true;
    }
    let has_changed = !elements[index].is_same(value);
    elements[index].clone_from(value);
    has_changed
}

/// As `Array.prototype.flat`.
fn flat(elements: &[Json], depth: usize) -> Vec<Json> {
    let mut all = Vec::new();
    for element in elements {
        if let (Json::Array(inner), true) = (element, depth > 0) {
            all.extend(flat(inner, depth - 1));
        } else {
            all.push(element.clone());
        }
    }
    all
}
