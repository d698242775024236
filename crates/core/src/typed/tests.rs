//! Against a second version that is slow and plain, and against what a reader does: undo it.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const ALL: [Type; 9] = [
    Type::Text,
    Type::Binary,
    Type::Hex,
    Type::Base64,
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Uuid,
];

/// The bytes that were text, as `docs/events.md` says how to have them back.
pub(crate) fn undone(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes();
    let mut out = Vec::new();
    while let [first, rest @ ..] = bytes {
        if let [b'\\', b'x', high, low, behind @ ..] = bytes
            && let Some(byte) = std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|it| u8::from_str_radix(it, 16).ok())
            && high.is_ascii_hexdigit()
        {
            out.push(byte);
            bytes = behind;
        } else {
            out.push(*first);
            bytes = rest;
        }
    }
    out
}

/// As text, said a second time: character by character, with the standard library's words for everything.
fn spelled(value: &[u8], typed: Type) -> String {
    let hex = || value.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    match typed {
        Type::Text => {
            let escaped = |bytes: &[u8]| {
                bytes.iter().map(|b| format!("\\x{b:02x}")).collect::<Vec<_>>().concat()
            };
            let (mut out, mut rest) = (String::new(), value);
            while !rest.is_empty() {
                let character =
                    (1..=4.min(rest.len())).find_map(|len| std::str::from_utf8(&rest[..len]).ok());
                let Some(character) = character else {
                    out += &escaped(&rest[..1]);
                    rest = &rest[1..];
                    continue;
                };
                let is_escape = rest.len() >= 4
                    && rest.starts_with(br"\x")
                    && rest[2..4].iter().all(u8::is_ascii_hexdigit);
                let is_control = character.chars().all(char::is_control);
                if is_escape || is_control && !["\t", "\n", "\r"].contains(&character) {
                    out += &escaped(character.as_bytes());
                } else {
                    out += character;
                }
                rest = &rest[character.len()..];
            }
            out
        }
        Type::Binary => unreachable!("bytes are no text"),
        Type::Hex => hex(),
        Type::Base64 => STANDARD.encode(value),
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => {
            let unsigned =
                value.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
            let bits = value.len() * 8;
            let above = if value[0] >= 0x80 { 1_i128 << bits } else { 0 };
            (unsigned as i128 - above).to_string()
        }
        Type::Uuid => {
            let hex = hex();
            [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
        }
    }
}

const fn width(typed: Type) -> Option<usize> {
    match typed {
        Type::Text | Type::Binary | Type::Hex | Type::Base64 => None,
        Type::Int8 => Some(1),
        Type::Int16 => Some(2),
        Type::Int32 => Some(4),
        Type::Int64 => Some(8),
        Type::Uuid => Some(16),
    }
}

/// Bytes, and text with what is special in it.
fn value() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        r"\", "x", "5", "c", "\0", "\u{85}", "Â", "ü", "𝄞", "\n", "\t", "\u{7f}", "order",
        "sha256:",
    ];
    let part = prop_oneof![
        8 => prop::sample::select(PARTS).prop_map(|part| part.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat()),
        ".{0,140}".prop_map(String::into_bytes),
    ]
}

fn value_of(typed: Type) -> BoxedStrategy<Vec<u8>> {
    match width(typed) {
        Some(width) => prop::collection::vec(any::<u8>(), width).boxed(),
        None => value().boxed(),
    }
}

fn typed_values(count: usize) -> impl Strategy<Value = (Type, Vec<Vec<u8>>)> {
    prop::sample::select(ALL.as_slice())
        .prop_flat_map(move |typed| (Just(typed), prop::collection::vec(value_of(typed), count)))
}

fn text_of(value: &[u8], typed: Type) -> Vec<u8> {
    let mut out = Vec::new();
    write_text(value, typed, &mut out);
    assert_eq!(text_size(value, typed), Ok(out.len()), "the size is computed exactly");
    out
}

#[test]
fn text_stays_what_it_is() {
    for text in ["customer-17", "grün", "a\tb\r\n", r"C:\xmas\x5", r#"{"a":"\"x\""}"#, "a%20b", "𝄞"]
    {
        let key = Key::of(text.as_bytes(), Type::Text).unwrap();
        assert!(matches!(key.partition_key, Cow::Borrowed(same) if same == text), "{key:?}");
        assert!(key.is_whole);
    }
}

#[test]
fn what_is_no_text_is_escaped_and_what_looks_so_too() {
    let long = 1_000_000_i64.to_be_bytes();
    for (key, shown) in [
        (&long[..], r"\x00\x00\x00\x00\x00\x0fB@"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("\u{85}ü".as_bytes(), r"\xc2\x85ü"),
        (br"\x41", r"\x5cx41"),
        (br"\\xAf", r"\\x5cxAf"),
        (b"\\x\xff", r"\x\xff"),
    ] {
        assert_eq!(Key::of(key, Type::Text).unwrap().partition_key, shown);
        assert_eq!(undone(shown), key);
    }
}

#[test]
fn what_is_no_partition_key_has_a_stand_in() {
    let (long, bytes) = ("x".repeat(129), vec![0xff; 65]);
    for (key, typed) in [
        (&b""[..], Type::Text),
        (long.as_bytes(), Type::Text),
        ("😀".repeat(65).as_bytes(), Type::Text),
        (&bytes, Type::Text),
        (&bytes, Type::Hex),
        (&bytes, Type::Binary),
        (b"sha256:", Type::Text),
    ] {
        let key = Key::of(key, typed).unwrap();
        assert!(key.partition_key.starts_with("sha256:") && !key.is_whole, "{key:?}");
        assert_eq!(key.partition_key.len(), 71);
    }
    // As `printf '' | sha256sum` says.
    assert_eq!(
        Key::of(b"", Type::Text).unwrap().partition_key,
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

proptest! {
    #[test]
    fn a_value_is_written_as_it_is_spelled((typed, values) in typed_values(1)) {
        let value = &values[0];
        if typed != Type::Binary {
            prop_assert_eq!(String::from_utf8(text_of(value, typed)).unwrap(), spelled(value, typed));
        }
    }

    #[test]
    fn text_can_be_undone(value in value()) {
        let text = String::from_utf8(text_of(&value, Type::Text)).unwrap();
        prop_assert!(text.chars().all(|it| !it.is_control() || "\t\r\n".contains(it)));
        prop_assert_eq!(undone(&text), value);
    }

    /// Of all types: a key has one partition key that the service takes, and shares it with no other.
    #[test]
    fn different_keys_have_different_partition_keys((typed, values) in typed_values(12)) {
        let mut found = HashMap::new();
        for value in &values {
            let key = Key::of(value, typed).unwrap();
            let units = key.partition_key.encode_utf16().count();
            prop_assert!((1..=128).contains(&units), "{} units", units);
            if key.is_whole {
                prop_assert_eq!(&*key.partition_key, spelled(value, typed));
            }
            prop_assert_eq!(Key::of(value, typed).unwrap(), key.clone());
            let other = found.insert(key.partition_key.into_owned(), value);
            prop_assert!(other.is_none_or(|other| other == value));
        }
    }

    /// The partition key is whole wherever it can be.
    #[test]
    fn a_stand_in_is_the_last_resort((typed, values) in typed_values(1)) {
        let value = &values[0];
        let shown = spelled(value, if typed == Type::Binary { Type::Hex } else { typed });
        let fits = (1..=128).contains(&shown.encode_utf16().count()) && !shown.starts_with("sha256:");
        let key = Key::of(value, typed).unwrap();
        prop_assert_eq!(key.partition_key == shown, fits);
        prop_assert_eq!(key.is_whole, fits && typed != Type::Binary);
    }

    #[test]
    fn a_width_takes_its_own_length_alone(value in value(), typed in prop::sample::select(ALL.as_slice())) {
        let fits = width(typed).is_none_or(|width| width == value.len());
        prop_assert_eq!(Key::of(&value, typed).is_ok(), fits);
        prop_assert_eq!(text_size(&value, typed).is_ok(), fits);
    }
}
