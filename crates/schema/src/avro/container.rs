//! A file of Avro (an object container) with one record, for readers that want Avro and have no registry.

/// What begins each file.
const MAGIC: &[u8] = b"Obj\x01";

/// What every file with this schema begins with, its marker at the end.
pub(super) fn head(schema: &str) -> Box<[u8]> {
    let mut head = MAGIC.to_vec();
    number(2, &mut head);
    for (key, value) in [("avro.codec", "null"), ("avro.schema", schema)] {
        text(key, &mut head);
        text(value, &mut head);
    }
    number(0, &mut head);
    head.extend_from_slice(&marker(schema));
    head.into()
}

/// Appends a file.
pub(super) fn write(head: &[u8], record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(head);
    number(1, out);
    number(record.len(), out);
    out.extend_from_slice(record);
    out.extend_from_slice(&head[head.len() - 16..]);
}

/// The sixteen bytes between blocks. They only need to be unlikely in a block; from the schema, so that the same value is the same file.
fn marker(schema: &str) -> [u8; 16] {
    // FNV-1a of 128 bits.
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in schema.bytes() {
        hash ^= u128::from(byte);
        hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    hash.to_be_bytes()
}

fn text(text: &str, out: &mut Vec<u8>) {
    number(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn number(number: usize, out: &mut Vec<u8>) {
    let mut left = (number as u64) << 1;
    while left > 0x7f {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
