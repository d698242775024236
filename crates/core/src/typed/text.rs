//! Bytes as text that can be undone.
//!
//! Text stays what it is, byte for byte. A byte that is not UTF-8, or of a control character, becomes `\xHH`; a tab and the ends
//! of lines are no such characters, since texts have them. For that to be undone, a backslash that stands before `xHH` in the
//! text itself becomes `\x5c`.

/// What is written for a byte.
const ESCAPE: usize = r"\xHH".len();

/// `value`, when nothing in it is escaped.
pub(super) fn as_it_is(value: &[u8]) -> Option<&str> {
    if !is_simple(value) && is_suspicious(value) && size_of_pieces(value) > value.len() {
        return None;
    }
    std::str::from_utf8(value).ok()
}

/// Bytes of `value` as text. As many as it has: nothing in it is escaped.
pub(super) fn size(value: &[u8]) -> usize {
    if is_simple(value) {
        return value.len();
    }
    as_it_is(value).map_or_else(|| size_of_pieces(value), str::len)
}

/// Whether it is printable ASCII without a backslash, as nearly everything is: told eight bytes at a time.
fn is_simple(value: &[u8]) -> bool {
    let simple = |word: &[u8; 8]| is_simple_word(u64::from_le_bytes(*word));
    let (words, rest) = value.as_chunks();
    words.iter().all(simple)
        && match value.last_chunk() {
            // What is behind the last whole word, and some of that once more.
            Some(last) => rest.is_empty() || simple(last),
            None => rest.iter().all(|byte| is_simple_word(SPACES ^ 0x20 ^ u64::from(*byte))),
        }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const SPACES: u64 = ONES * b' ' as u64;

const fn is_simple_word(word: u64) -> bool {
    // The high bit of a byte is set where one below is 0, and then perhaps of others: whether there is one is exact.
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let control = word.wrapping_sub(SPACES) & !word;
    let delete = zeros(word ^ (ONES * 0x7f));
    let backslash = zeros(word ^ (ONES * b'\\' as u64));
    (word | control | delete | backslash) & (ONES << 7) == 0
}

fn size_of_pieces(value: &[u8]) -> usize {
    let mut size = 0;
    pieces(value, |piece| {
        size += match piece {
            Piece::Text(text) => text.len(),
            Piece::Byte(_) => ESCAPE,
        };
    });
    size
}

/// Writes it.
pub(super) fn write(value: &[u8], out: &mut Vec<u8>) {
    pieces(value, |piece| match piece {
        Piece::Text(text) => out.extend_from_slice(text),
        Piece::Byte(byte) => {
            out.extend_from_slice(br"\x");
            super::hex(&[byte], out);
        }
    });
}

enum Piece<'a> {
    /// Stays as it is.
    Text(&'a [u8]),
    /// Is escaped.
    Byte(u8),
}

/// Whether it may hold what has to be escaped, beside what is no UTF-8. Nearly always not, and this is all there is to do.
fn is_suspicious(value: &[u8]) -> bool {
    value.iter().any(|byte| may_begin(*byte))
}

/// Whether something that is escaped may begin with it: a control character, of which those above 127 begin with 0xc2, or a
/// backslash.
fn may_begin(byte: u8) -> bool {
    MAY_BEGIN[usize::from(byte)]
}

const MAY_BEGIN: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte = 0_u8;
    while byte < b' ' {
        all[byte as usize] = !matches!(byte, b'\t' | b'\n' | b'\r');
        byte += 1;
    }
    all[0x7f] = true;
    all[b'\\' as usize] = true;
    all[0xc2] = true;
    all
};

fn pieces<'a>(value: &'a [u8], mut each: impl FnMut(Piece<'a>)) {
    let (mut start, mut at) = (0, 0);
    let mut escape = |from: usize, to: usize| {
        if start < from {
            each(Piece::Text(&value[start..from]));
        }
        value[from..to].iter().for_each(|byte| each(Piece::Byte(*byte)));
        start = to;
    };
    for chunk in value.utf8_chunks() {
        let invalid = at + chunk.valid().len();
        while let Some(ahead) = value[at..invalid].iter().position(|byte| may_begin(*byte)) {
            let from = at + ahead;
            at = from + 1;
            match (value[from], &value[at..]) {
                (b'\\', [b'x', high, low, ..])
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    escape(from, at);
                }
                (b'\\', _) | (0xc2, [0xa0..=0xff, ..]) => {}
                (0xc2, _) => {
                    at += 1;
                    escape(from, at);
                }
                _ => escape(from, at),
            }
        }
        at = invalid + chunk.invalid().len();
        escape(invalid, at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_simple;

    fn is_simple_by_byte(value: &[u8]) -> bool {
        value.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
    }

    #[test]
    fn each_byte_is_told_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 1..20 {
                for at in 0..length {
                    let mut value = vec![b'a'; length];
                    value[at] = byte;
                    let told = is_simple(&value);
                    assert_eq!(told, is_simple_by_byte(&value), "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_say_what_each_says(
            value in prop::collection::vec(prop_oneof![9 => 0x1e..0x80_u8, 1 => any::<u8>()], 0..40),
        ) {
            prop_assert_eq!(is_simple(&value), is_simple_by_byte(&value));
        }
    }
}
