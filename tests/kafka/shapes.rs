//! Records in all shapes Kafka knows, and how to tell that one arrived as it was written.

use stage::Out;

use crate::member::Seen;

pub(crate) fn numbered(range: std::ops::Range<u32>) -> impl Iterator<Item = Out> {
    range.map(|n| Out::value(n.to_string()))
}

pub(crate) fn values(seen: &[Seen]) -> Vec<String> {
    let text = |seen: &Seen| String::from_utf8(seen.value.clone().unwrap()).unwrap();
    seen.iter().map(text).collect()
}

/// Records in all shapes Kafka knows.
pub(crate) fn shapes() -> Vec<Out> {
    vec![
        Out::value("plain").key("k").at(1_700_000_000_000),
        Out::value([0, 159, 146, 150]).key([0xff, 0x00, 0xfe]).at(1),
        Out { key: None, value: None, ..Out::default() }.at(5),
        Out::value("").key("").at(6),
        Out { key: Some(b"tombstone".to_vec()), ..Out::default() }.at(7),
        Out::value("headers")
            .header("a", Some(b"1"))
            .header("a", Some(b"2"))
            .header("null", None)
            .header("empty", Some(b""))
            .header("", Some(b"nameless"))
            .header([0xc3, 0x28, b'x'], Some(&[0xff, 0]))
            .header("z", Some(b"last"))
            .at(1_700_000_000_123),
        Out::value(vec![b'x'; 900_000]).key("large").at(9),
    ]
}

pub(crate) fn assert_same(seen: &Seen, out: &Out) {
    assert_eq!(seen.key, out.key);
    assert_eq!(seen.value, out.value);
    assert_eq!(seen.headers, out.headers);
    assert_eq!(seen.timestamp, out.timestamp);
}
