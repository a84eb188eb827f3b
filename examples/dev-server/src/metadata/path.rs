//! Paths into a document: `$.a.0.b`, with dots only; `*` is every child, and two dots are any depth.

use serde_json::Value;

use super::Document;

/// What is in the place → what shall be there; `None` leaves it.
pub(super) type Edit<'a> = dyn Fn(Option<&Value>) -> Option<Value> + 'a;

/// A longer list than this is not made by writing past its end.
const LONGEST_LIST: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Step>,
    last: Step,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Child(String),
    Every,
    AnyDepth,
}

impl Path {
    /// Reads what stands after `$.`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        const INHERITED: [&str; 3] = ["__proto__", "constructor", "prototype"];
        let mut steps: Vec<Step> = Vec::new();
        for segment in text.split('.') {
            steps.push(match segment {
                "" => Step::AnyDepth,
                "*" => Step::Every,
                _ if INHERITED.contains(&segment) => {
                    return Err(format!("A metadata path must not go through {segment}"));
                }
                _ => Step::Child(segment.to_owned()),
            });
        }
        match steps.pop() {
            Some(Step::AnyDepth) | None => Err("A metadata path must end with a name".to_owned()),
            Some(last) => Ok(Self { steps, last }),
        }
    }

    /// Edits every place that the path leads to. Containers on the way are not made.
    pub(super) fn edit(&self, document: &mut Document, edit: &Edit<'_>) -> bool {
        let mut root = Value::Object(std::mem::take(document));
        let is_edited = walk(&mut root, &self.steps, &self.last, false, edit);
        if let Value::Object(edited) = root {
            *document = edited;
        }
        is_edited
    }
}

/// `any_depth`: the step before was two dots, so that only what is there counts.
fn walk(container: &mut Value, steps: &[Step], last: &Step, any_depth: bool, edit: &Edit<'_>) -> bool {
    let Some((step, rest)) = steps.split_first() else { return put(container, last, any_depth, edit) };
    match step {
        Step::Child(name) => child(container, name).is_some_and(|child| walk(child, rest, last, false, edit)),
        Step::Every => {
            let mut is_edited = false;
            for child in children(container) {
                is_edited |= walk(child, rest, last, false, edit);
            }
            is_edited
        }
        Step::AnyDepth => {
            let mut is_edited = walk(container, rest, last, true, edit);
            for child in children(container) {
                is_edited |= walk(child, steps, last, true, edit);
            }
            is_edited
        }
    }
}

fn put(container: &mut Value, last: &Step, must_exist: bool, edit: &Edit<'_>) -> bool {
    let Step::Child(name) = last else {
        let mut is_edited = false;
        for child in children(container) {
            is_edited |= overwrite(child, edit);
        }
        return is_edited;
    };
    if let Some(child) = child(container, name) {
        return overwrite(child, edit);
    }
    if must_exist {
        return false;
    }
    match container {
        Value::Object(members) => {
            let Some(value) = edit(None) else { return false };
            members.insert(name.clone(), value);
            true
        }
        Value::Array(elements) => {
            let Some(index) = name.parse::<usize>().ok().filter(|index| *index < LONGEST_LIST) else { return false };
            let Some(value) = edit(None) else { return false };
            elements.resize(index, Value::Null);
            elements.push(value);
            true
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn overwrite(place: &mut Value, edit: &Edit<'_>) -> bool {
    let Some(value) = edit(Some(place)) else { return false };
    *place = value;
    true
}

fn child<'a>(container: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match container {
        Value::Object(members) => members.get_mut(name),
        Value::Array(elements) => elements.get_mut(name.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn children(container: &mut Value) -> Vec<&mut Value> {
    match container {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(elements) => elements.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Path;

    fn set(document: Value, path: &str) -> (Value, bool) {
        let mut document = document.as_object().unwrap().clone();
        let is_edited = Path::read(path.strip_prefix("$.").unwrap()).unwrap().edit(&mut document, &|_| Some(json!(9)));
        (Value::Object(document), is_edited)
    }

    #[test]
    fn a_path_writes_into_containers_that_are_there() {
        for (before, path, after) in [
            (json!({}), "$.a", json!({ "a": 9 })),
            (json!({ "a": {} }), "$.a.b", json!({ "a": { "b": 9 } })),
            (json!({ "a": [1, 2] }), "$.a.0", json!({ "a": [9, 2] })),
            (json!({ "a": [1] }), "$.a.3", json!({ "a": [1, null, null, 9] })),
            (json!({}), "$.a[0]", json!({ "a[0]": 9 })),
            (json!({ "a": { "x": 1, "y": 2 } }), "$.a.*", json!({ "a": { "x": 9, "y": 9 } })),
            (json!({ "a": [{ "x": 1 }, {}] }), "$.a.*.x", json!({ "a": [{ "x": 9 }, { "x": 9 }] })),
            (json!({ "x": 1, "a": { "x": 1, "b": {} } }), "$..x", json!({ "x": 9, "a": { "x": 9, "b": {} } })),
        ] {
            assert_eq!(set(before, path), (after, true), "{path}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_changes_nothing() {
        for (before, path) in [
            (json!({}), "$.a.b"),
            (json!({ "a": 1 }), "$.a.b"),
            (json!({ "a": null }), "$.a.b"),
            (json!({ "a": [] }), "$.a.x"),
            (json!({ "a": [] }), "$.a.99999999999"),
            (json!({ "a": {} }), "$.a.*"),
        ] {
            assert_eq!(set(before.clone(), path), (before, false), "{path}");
        }
    }
}
