//! What several values have in common, written once.

use serde_json::{Map, Value};

/// The place of a value in a list, at whose end it is put if it is new.
pub fn place_of<T: PartialEq>(value: T, list: &mut Vec<T>) -> usize {
    let known = list.iter().position(|known| *known == value);
    known.unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

/// Moves the entries that all objects have in common out of them.
pub fn take_shared(objects: &mut [Map<String, Value>]) -> Map<String, Value> {
    let mut shared = objects.first().cloned().unwrap_or_default();
    for object in objects.iter() {
        shared.retain(|key, value| object.get(key) == Some(value));
    }
    for object in objects {
        object.retain(|key, _| !shared.contains_key(key));
    }
    shared
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_known_value_keeps_its_place() {
        let mut list = vec!["a"];
        assert_eq!([place_of("b", &mut list), place_of("a", &mut list)], [1, 0]);
        assert_eq!(list, ["a", "b"]);
    }

    #[test]
    fn only_what_all_objects_have_with_the_same_value_is_moved() {
        let mut objects = [
            object(&json!({ "a": 1, "b": 2, "c": null })),
            object(&json!({ "a": 1, "b": 3, "d": 4 })),
        ];
        assert_eq!(take_shared(&mut objects), object(&json!({ "a": 1 })));
        assert_eq!(objects[0], object(&json!({ "b": 2, "c": null })));
        assert_eq!(objects[1], object(&json!({ "b": 3, "d": 4 })));
        assert_eq!(take_shared(&mut []), Map::new());
    }
}
