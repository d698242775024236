//! Enums each value of which has a word: in the configuration, in a metric, in a message. [`words!`](macro@crate::words) defines
//! one, so that the word stands once, beside its value.

use thiserror::Error;

/// An enum by [`words!`](macro@crate::words).
pub trait Words: Copy + 'static {
    /// What the enum is called.
    const NAME: &'static str;
    /// What the enum is for: its documentation.
    const ABOUT: &'static str;
    /// All values, in order.
    const ALL: &'static [Self];
    /// Their words, in the same order.
    const WORDS: &'static [&'static str];
    /// What each of them is for, in the same order; empty where nothing is said.
    const MEANINGS: &'static [&'static str];

    /// The value that `word` stands for.
    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().position(|known| *known == word).map(|place| Self::ALL[place])
    }
}

/// A text is no word of an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it can be {}", .0.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))]
pub struct UnknownWord(pub &'static [&'static str]);

/// Defines an enum whose values have words: `Halt = "halt"`. It has `ALL` and `as_str`, and can be written and read.
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $about:literal])*
        $(#[derive($($derive:ident),+)])?
        $visible:vis enum $name:ident {
            $($(#[doc = $meaning:literal])* $value:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, $($($derive),+)?)]
        $visible enum $name {
            $($(#[doc = $meaning])* $value,)+
        }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl $crate::words::Words for $name {
            const NAME: &'static str = stringify!($name);
            const ABOUT: &'static str = concat!($($about),*).trim_ascii();
            const ALL: &'static [Self] = Self::ALL;
            const WORDS: &'static [&'static str] = &[$($word),+];
            const MEANINGS: &'static [&'static str] = &[$(concat!($($meaning),*).trim_ascii()),+];
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(word: &str) -> ::std::result::Result<Self, Self::Err> {
                use $crate::words::Words;
                Self::of(word).ok_or($crate::words::UnknownWord(Self::WORDS))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Partitioning, Policy};

    #[test]
    fn a_word_stands_for_its_value() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(*policy));
        }
        assert_eq!("Halt".parse::<Policy>(), Err(UnknownWord(Policy::WORDS)));
        assert_eq!(
            UnknownWord(Policy::WORDS).to_string(),
            "it can be `halt`, `dead_letter`, `drop`"
        );
        assert_eq!(Policy::ABOUT, "What happens to a record that can never be stored.");
        assert_eq!(Policy::MEANINGS[2], "It is dropped and counted.");
    }

    #[test]
    fn a_way_to_choose_a_partition_is_read_as_it_is_written() {
        for partitioning in Partitioning::ALL.into_iter().chain([Partitioning::Fixed(31)]) {
            assert_eq!(partitioning.to_string().parse(), Ok(partitioning));
        }
        for text in ["", "Key", "fixed", "fixed:", "fixed:x", "fixed:-1", "fixed:1 "] {
            assert!(text.parse::<Partitioning>().is_err(), "{text}");
        }
    }
}
