//! Values that are compressed, as those read them who have only what other libraries make of them.

use std::io::Read as _;

use bridge_core::record::{Header, Record};
use bridge_core::step::{Draft, FetchedValues, Shape as _, StepOutcome};
use bridge_shape::{Asked, Codec};
use proptest::prelude::*;

const ENCODING: &[u8] = b"content-encoding";

/// What becomes of a value that says of itself how it is encoded.
fn shaped<'r>(codec: Codec, value: Option<&'r [u8]>, headers: &'r [Header<'r>]) -> Draft<'r> {
    let (topic, partition, offset) = ("t", 0, 0);
    let record = Record { topic, partition, offset, timestamp: None, key: None, value, headers };
    let asked = Asked { compress: Some(codec), ..Asked::default() };
    match asked.apply(&record, &FetchedValues::default()) {
        StepOutcome::Shaped(draft) => draft,
        other => panic!("{other:?}"),
    }
}

fn undone(encoding: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        b"gzip" => drop(flate2::read::GzDecoder::new(value).read_to_end(&mut out).unwrap()),
        b"zstd" => out = zstd::decode_all(value).unwrap(),
        other => panic!("{}", other.escape_ascii()),
    }
    out
}

proptest! {
    #[test]
    fn what_is_compressed_can_be_had_back_and_is_the_same_each_time(
        value in prop::collection::vec(any::<u8>(), 1..2_000), times in 1..50_usize, gzip in any::<bool>(),
    ) {
        let value = value.repeat(times);
        let codec = if gzip { Codec::Gzip } else { Codec::Zstd };
        let plain = [Header { name: ENCODING, value: Some(b"identity") }];
        let first = shaped(codec, Some(&value), &plain);
        let [header] = &first.headers[..] else { panic!("{:?}", first.headers) };
        prop_assert_eq!(&*header.name, ENCODING);
        let encoding = header.value.as_ref().unwrap();
        prop_assert!(undone(encoding, first.value.as_ref().unwrap()) == value);
        prop_assert_eq!(shaped(codec, Some(&value), &[]), first);
    }
}

#[test]
fn what_is_compressed_or_has_nothing_to_compress_stays_as_it_is() {
    let encoded = [Header { name: ENCODING, value: Some(b"br") }];
    let cases = [(None, &[][..]), (Some(&b""[..]), &[][..]), (Some(&b"value"[..]), &encoded[..])];
    for codec in [Codec::Gzip, Codec::Zstd] {
        for (value, headers) in cases {
            let draft = shaped(codec, value, headers);
            assert_eq!((draft.value.as_deref(), draft.headers.len()), (value, headers.len()));
        }
    }
}
