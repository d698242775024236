//! The hash by which Event Hubs itself places a partition key.
//!
//! Bob Jenkins' lookup3 (`hashlittle2`, both seeds zero) over the key's UTF-8 bytes, folded to 16 bits. It must stay
//! bit for bit what the service and its .NET, JavaScript and Rust clients compute: a producer that lets the service
//! hash and this bridge then put a key on the same partition. (The Java and Python clients deviate for some keys.)

/// The 16 bits Event Hubs places a key by.
pub(super) fn hash16(key: &[u8]) -> i16 {
    let (c, b) = lookup3(key);
    (c ^ b) as i16
}

/// The place of a key among `count` partitions, an index into the hub's partition ids. `count` is not zero.
///
/// The service takes the magnitude of a *truncated* remainder, which is the remainder of the magnitude.
pub(super) fn place(key: &[u8], count: usize) -> usize {
    usize::from(hash16(key).unsigned_abs()) % count
}

/// lookup3's two words, `(c, b)`.
fn lookup3(key: &[u8]) -> (u32, u32) {
    let seed = 0xdead_beef_u32.wrapping_add(key.len() as u32);
    let mut state = [seed; 3];
    // Only the last block, of 1 to 12 bytes, ends in `finish`: a key of exactly 12 bytes has no block before it.
    let mut rest = key;
    while rest.len() > 12 {
        let (block, tail) = rest.split_at(12);
        add(&mut state, block);
        mix(&mut state);
        rest = tail;
    }
    if !rest.is_empty() {
        // The original's fall-through switch adds the missing bytes as zeros.
        let mut block = [0; 12];
        block[..rest.len()].copy_from_slice(rest);
        add(&mut state, &block);
        finish(&mut state);
    }
    (state[2], state[1])
}

/// Adds a block of 12 bytes as three little-endian words.
fn add(state: &mut [u32; 3], block: &[u8]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks_exact(4)) {
        *word = word.wrapping_add(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    }
}

/// lookup3's `mix`: between two blocks.
fn mix(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    a = a.wrapping_sub(c) ^ c.rotate_left(4);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(6);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(8);
    b = b.wrapping_add(a);
    a = a.wrapping_sub(c) ^ c.rotate_left(16);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(19);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(4);
    b = b.wrapping_add(a);
    *state = [a, b, c];
}

/// lookup3's `final`: after the last block.
fn finish(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    *state = [a, b, c];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Taken from the service's own code, as the .NET client's tests state them.
    #[test]
    fn hashes_as_the_service_does() {
        for (key, hash) in [
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
            assert_eq!(hash16(key.as_bytes()), hash, "{key}");
        }
    }

    /// Where the official JavaScript and Rust clients put these keys.
    #[test]
    fn places_as_the_official_clients_do() {
        let long = "a".repeat(128);
        for (key, on_4, on_8, on_32) in [
            ("a", 0, 4, 28),
            ("key0", 2, 2, 26),
            ("customer-17", 3, 7, 31),
            ("TheBestParitionEver", 2, 6, 6),
            ("7149583486996073602", 1, 1, 17),
            ("!c*_!I@1^c", 0, 4, 12),
            ("12-bytes-ascii-boundary!", 1, 1, 1),
            (long.as_str(), 2, 6, 22),
            ("é", 0, 4, 12),
            ("日本語", 1, 1, 25),
            ("naïve-ключ", 0, 0, 0),
            ("😀", 2, 6, 6),
            ("", 0, 0, 0),
        ] {
            let places = [4, 8, 32].map(|count| place(key.as_bytes(), count));
            assert_eq!(places, [on_4, on_8, on_32], "{key}");
        }
        assert_eq!(place(b"alphabet", 3), 0);
        assert_eq!(place(b"alphabet", 11), 4);
        assert_eq!(place(b"TheWorstParitionEver", 15), 1);
    }

    /// lookup3 from its author's description: byte by byte, with his macros spelled out.
    #[expect(clippy::many_single_char_names, reason = "the names of the original")]
    fn naive(key: &[u8]) -> (u32, u32) {
        let start = 0xdead_beef_u64 + key.len() as u64;
        let (mut a, mut b, mut c) = (start as u32, start as u32, start as u32);
        let mut at = 0;
        while at < key.len() {
            let left = key.len() - at;
            for i in 0..left.min(12) {
                let byte = u32::from(key[at + i]) << (8 * (i % 4));
                let word = match i / 4 {
                    0 => &mut a,
                    1 => &mut b,
                    _ => &mut c,
                };
                *word = word.wrapping_add(byte);
            }
            let steps: &[(u8, u32)] = if left > 12 {
                &[(0, 4), (1, 6), (2, 8), (0, 16), (1, 19), (2, 4)]
            } else {
                &[(2, 14), (0, 11), (1, 25), (2, 16), (0, 4), (1, 14), (2, 24)]
            };
            for &(which, k) in steps {
                if left > 12 {
                    // x -= y; x ^= y.rotate_left(k); y += z
                    let (x, y, z) = match which {
                        0 => (&mut a, &mut c, b),
                        1 => (&mut b, &mut a, c),
                        _ => (&mut c, &mut b, a),
                    };
                    *x = x.wrapping_sub(*y);
                    *x ^= y.rotate_left(k);
                    *y = y.wrapping_add(z);
                } else {
                    // x ^= y; x -= y.rotate_left(k)
                    let (x, y) = match which {
                        0 => (&mut a, c),
                        1 => (&mut b, a),
                        _ => (&mut c, b),
                    };
                    *x ^= y;
                    *x = x.wrapping_sub(y.rotate_left(k));
                }
            }
            at += 12;
        }
        (c, b)
    }

    proptest! {
        #[test]
        fn equals_the_naive_version(key in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(lookup3(&key), naive(&key));
        }

        #[test]
        fn stays_within_the_hub(key in ".{0,40}", count in 1_usize..=2000) {
            prop_assert!(place(key.as_bytes(), count) < count);
        }
    }
}
