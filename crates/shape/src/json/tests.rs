use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn parse(text: &str) -> Document<'_> {
    Document::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_document_is_walked_without_reading_more_than_its_text() {
    let text = r#" {"a": [1, {"b": "x\u00e9\ud83d\ude00\n"}], "a\u0062": null, "a": -1.50e+3} "#;
    let document = parse(text);
    let root = document.root();
    let names: Vec<_> = root.members().map(|it| it.name.text().unwrap().into_owned()).collect();
    assert_eq!(names, ["a", "ab", "a"]);
    assert_eq!(root.member("a").unwrap().raw(), "-1.50e+3", "the last of several");
    assert!(root.member("ab").unwrap().is_null(), "escapes in names are read");
    let list = root.members().next().unwrap().value;
    let elements: Vec<_> = list.elements().collect();
    assert_eq!((elements.len(), elements[0].raw()), (2, "1"));
    assert_eq!(elements[1].member("b").unwrap().text().unwrap(), "x\u{e9}\u{1f600}\n");
    assert_eq!(elements[0].members().count() + elements[0].elements().count(), 0);
}

#[test]
fn what_lies_too_deep_or_is_no_json_is_told_by_its_place() {
    let deep = "[".repeat(100_000);
    assert_eq!(Document::parse(deep.as_bytes()).unwrap_err(), NotJson::TooDeep(101));
    let many = format!("[{}1]", "1,".repeat(1_000_000));
    assert_eq!(Document::parse(many.as_bytes()).unwrap_err(), NotJson::TooMany);
    for (text, at) in [("", 0), ("{\"a\":01}", 6), ("[1,]", 3), ("\"a\n\"", 2), ("1 2", 2)] {
        assert_eq!(Document::parse(text.as_bytes()).unwrap_err(), NotJson::At(at), "{text}");
    }
    assert_eq!(Document::parse(b"\"\xff\"").unwrap_err(), NotJson::At(1));
}

#[test]
fn quoted_text_is_read_back() {
    let text = "a\"\\\u{1}\n\t\u{e9}\u{1f600}/";
    let mut out = Vec::new();
    quote(text, &mut out);
    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    assert_eq!(Document::parse(&out).unwrap().root().text().unwrap(), text);
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let scalar = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,6}".prop_map(Into::into),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        let object = prop::collection::btree_map("[a-c]|\\PC{0,3}", inner.clone(), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Into::into),
            object.prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn written(value: &serde_json::Value, pretty: bool) -> String {
    let write = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
    write(value).unwrap()
}

/// Only what is taken out is looked at here.
#[derive(Debug, Clone, Copy)]
struct Nothing;

impl Instead for Nothing {
    fn room(self) -> usize {
        0
    }

    fn write(self, _: Value<'_>, _: &mut Vec<u8>) {}
}

proptest! {
    #[test]
    fn the_same_is_json_as_for_another_reader(
        text in r#"([ \[\]{},:0-9.eE+\-]|"a"|"\\\\u00e9"|"\\\\x"|true|nul|null|\t){0,12}"#
    ) {
        let other = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(Document::parse(text.as_bytes()).is_ok(), other, "{}", text);
    }

    #[test]
    fn hostile_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let is_json = |text| serde_json::from_str::<IgnoredAny>(text).is_ok();
        let other = str::from_utf8(&bytes).is_ok_and(is_json);
        prop_assert_eq!(Document::parse(&bytes).is_ok(), other);
    }

    #[test]
    fn a_document_holds_what_another_reader_finds(value in value(), pretty in any::<bool>()) {
        let text = written(&value, pretty);
        let document = parse(&text);
        let mut open = vec![(document.root(), &value)];
        while let Some((ours, theirs)) = open.pop() {
            let raw: serde_json::Value = serde_json::from_str(ours.raw()).unwrap();
            prop_assert_eq!(&raw, theirs);
            match theirs {
                serde_json::Value::Array(all) => {
                    prop_assert_eq!(ours.elements().count(), all.len());
                    open.extend(ours.elements().zip(all));
                }
                serde_json::Value::Object(all) => {
                    prop_assert_eq!(ours.members().count(), all.len());
                    open.extend(all.iter().map(|(name, it)| (ours.member(name).unwrap(), it)));
                }
                serde_json::Value::String(text) => prop_assert_eq!(&*ours.text().unwrap(), text),
                _ => {}
            }
        }
    }

    #[test]
    fn members_go_and_all_else_stays(value in value(), pretty in any::<bool>(), seed in any::<u64>()) {
        let text = written(&value, pretty);
        let document = parse(&text);
        let (mut chosen, mut expected, mut state) = (Edits::new(), value.clone(), seed);
        let mut open = vec![(document.root(), String::new())];
        while let Some((value, pointer)) = open.pop() {
            for (index, element) in value.elements().enumerate() {
                open.push((element, format!("{pointer}/{index}")));
            }
            for member in value.members() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let name = member.name.text().unwrap().into_owned();
                if state >> 62 == 0 {
                    chosen.remove(value, member.name);
                    let object = expected.pointer_mut(&pointer).unwrap();
                    object.as_object_mut().unwrap().remove(&name);
                } else {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    open.push((member.value, format!("{pointer}/{name}")));
                }
            }
        }
        let out = Edits::<Nothing>::apply(chosen, &document);
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), expected);
    }
}
