//! The bytes of a value, from the front to the back.

use crate::unreadable::{Fail, Reason};

/// What is left of a value.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fail> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Reason::Ends)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Fail> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Reason::Ends)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of zigzag and varint, of ten bytes at most.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fail> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let (byte, rest) = self.0.split_first().ok_or(Reason::Ends)?;
            self.0 = rest;
            if shift == 63 && *byte > 1 {
                return Err(Reason::Number.into());
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
            shift += 7;
        }
    }

    pub(super) fn int(&mut self) -> Result<i32, Fail> {
        Ok(i32::try_from(self.long()?).map_err(|_| Reason::Number)?)
    }

    /// Bytes after their length.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fail> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| Reason::Length)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Fail> {
        Ok(std::str::from_utf8(self.bytes()?).map_err(|_| Reason::Utf8)?)
    }

    /// How many items the next block of an array or a map has. None when it is the last.
    pub(super) fn block(&mut self) -> Result<Option<u64>, Fail> {
        let count = self.long()?;
        if count < 0 {
            // The length of the block in bytes, for readers that skip it.
            let size = usize::try_from(self.long()?).map_err(|_| Reason::Length)?;
            if size > self.0.len() {
                return Err(Reason::Ends.into());
            }
        }
        Ok((count != 0).then_some(count.unsigned_abs()))
    }
}
