//! The service's partition-key hash: Bob Jenkins' lookup3 (`hashlittle2`, both seeds zero) over the UTF-8 bytes, cut to
//! sixteen bits. Agrees with the .NET, JavaScript and Rust clients.

const SEED: u32 = 0xdead_beef;

/// The partition, of `count`, that the service puts events with `key` in.
pub fn partition_of(key: &str, count: u32) -> u32 {
    let hash = i32::from(hash16(key.as_bytes()));
    hash.unsigned_abs() % count
}

fn hash16(key: &[u8]) -> i16 {
    let (c, b) = lookup3(key);
    (c ^ b) as i16
}

fn lookup3(key: &[u8]) -> (u32, u32) {
    let start = SEED.wrapping_add(key.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    // The last block, even when full, is mixed differently; an empty key is not mixed at all.
    let Some(last) = key.len().checked_sub(1).map(|end| end / 12 * 12) else { return (c, b) };
    for block in key[..last].chunks_exact(12) {
        add(&mut a, &mut b, &mut c, block);
        mix(&mut a, &mut b, &mut c);
    }
    add(&mut a, &mut b, &mut c, &key[last..]);
    finish(&mut a, &mut b, &mut c);
    (c, b)
}

/// Adds up to twelve bytes as three little-endian words, padded with zeros.
fn add(a: &mut u32, b: &mut u32, c: &mut u32, block: &[u8]) {
    let mut padded = [0u8; 12];
    padded[..block.len()].copy_from_slice(block);
    let word = |at: usize| {
        u32::from_le_bytes([padded[at], padded[at + 1], padded[at + 2], padded[at + 3]])
    };
    *a = a.wrapping_add(word(0));
    *b = b.wrapping_add(word(4));
    *c = c.wrapping_add(word(8));
}

fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
    *a = a.wrapping_sub(*c) ^ c.rotate_left(4);
    *c = c.wrapping_add(*b);
    *b = b.wrapping_sub(*a) ^ a.rotate_left(6);
    *a = a.wrapping_add(*c);
    *c = c.wrapping_sub(*b) ^ b.rotate_left(8);
    *b = b.wrapping_add(*a);
    *a = a.wrapping_sub(*c) ^ c.rotate_left(16);
    *c = c.wrapping_add(*b);
    *b = b.wrapping_sub(*a) ^ a.rotate_left(19);
    *a = a.wrapping_add(*c);
    *c = c.wrapping_sub(*b) ^ b.rotate_left(4);
    *b = b.wrapping_add(*a);
}

fn finish(a: &mut u32, b: &mut u32, c: &mut u32) {
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(14));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(11));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(25));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(16));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(4));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(14));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_vectors_of_the_dotnet_client() {
        for (key, expected) in [
            ("7", -15263),
            ("131", 30562),
            ("7149583486996073602", 12977),
            ("FWfAT", -22341),
            ("sOdeEAsyQoEuEFPGerWO", -6503),
            ("!c*_!I@1^c", 15372),
            ("p4*!jioeO/z-!-;w:dh", -3104),
            ("$0cb", 26269),
            ("-4189260826195535198", 453),
        ] {
            assert_eq!(hash16(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn agrees_with_the_vectors_of_the_javascript_client() {
        for (key, count, expected) in [
            ("alphabet", 3, 0),
            ("alphabet", 11, 4),
            ("TheBestParitionEver", 4, 2),
            ("TheWorstParitionEver", 15, 1),
        ] {
            assert_eq!(partition_of(key, count), expected, "{key} of {count}");
        }
    }

    #[test]
    fn agrees_with_the_reference_on_text_that_other_ports_get_wrong() {
        let long = "a".repeat(128);
        for (key, expected) in [
            ("a", [0, 4, 28]),
            ("key0", [2, 2, 26]),
            ("customer-17", [3, 7, 31]),
            ("TheBestParitionEver", [2, 6, 6]),
            ("7149583486996073602", [1, 1, 17]),
            ("!c*_!I@1^c", [0, 4, 12]),
            ("12-bytes-ascii-boundary!", [1, 1, 1]),
            (long.as_str(), [2, 6, 22]),
            ("é", [0, 4, 12]),
            ("日本語", [1, 1, 25]),
            ("naïve-ключ", [0, 0, 0]),
            ("😀", [2, 6, 6]),
            ("", [0, 0, 0]),
        ] {
            let found = [4, 8, 32].map(|count| partition_of(key, count));
            assert_eq!(found, expected, "{key}");
        }
    }
}
