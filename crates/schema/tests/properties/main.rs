//! Schemas and values at random: what comes out is what a library of others reads. And what is neither.

mod avro;
mod hostile;
mod protobuf;

/// Choices that proptest makes, and makes smaller. Zeros when they are used up.
pub(crate) struct Dice<'a>(pub(crate) &'a [u64]);

impl Dice<'_> {
    pub(crate) fn next(&mut self) -> u64 {
        let Some((next, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *next
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Text with what JSON escapes, and what it does not.
    pub(crate) fn text(&mut self) -> String {
        let all =
            ['a', 'Z', '"', '\\', '\n', '\u{0}', '\u{1f}', '\u{7f}', 'ü', '€', '\u{2028}', '𝄞'];
        (0..self.below(8)).map(|_| all[self.below(all.len())]).collect()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Small ones and those at the ends as often as any.
    pub(crate) fn long(&mut self) -> i64 {
        let any = self.next() as i64;
        match self.below(4) {
            0 => any % 100,
            1 => (1 << 53) - 2 + any % 4,
            2 => any >> 40,
            _ => any,
        }
    }

    pub(crate) fn double(&mut self) -> f64 {
        let all = [
            0.0,
            -0.0,
            1.0,
            0.1,
            -2.5e-7,
            1e21,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
        ];
        match self.below(all.len() + 1) {
            at if at < all.len() => all[at],
            _ => f64::from_bits(self.next()),
        }
    }
}
