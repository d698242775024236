//! What a key, a part of a connection string or a signature cannot hold, and where it does. Never what stands beside it.

/// What in `text` cannot be part of a key, and where: "a line break at its character 21".
pub(super) fn unfit(text: &str) -> Option<String> {
    let (before, found) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_graphic())?;
    let what = match found {
        '\n' | '\r' | '\u{2028}' => "a line break",
        '\t' => "a tab",
        c if c.is_whitespace() => "a space",
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => "an invisible character",
        c if c.is_control() => "a control character",
        _ => "a character that is not ASCII",
    };
    Some(format!("{what} at its character {}", before + 1))
}

/// What `key` is, if it is surely no key as Azure hands it out: "it is URL-encoded".
pub(super) fn misshapen(key: &str) -> Option<String> {
    let lower = key.to_ascii_lowercase();
    if let Some(unfit) = unfit(key) {
        return Some(format!("it holds {unfit}"));
    }
    if ["%2b", "%2f", "%3d"].iter().any(|escape| lower.contains(escape)) {
        return Some("it is URL-encoded".to_owned());
    }
    None
}

/// What to do about it.
pub(super) const ONE_LINE: &str =
    "write it on one line as it was copied: a mail, a terminal or a YAML block breaks long lines";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_cannot_be_there_and_its_place_alone() {
        for (text, expected) in [
            ("ab cd", "a space at its character 3"),
            ("ab\u{a0}cd", "a space at its character 3"),
            ("a\r\nb", "a line break at its character 2"),
            ("a\tb", "a tab at its character 2"),
            ("abc\u{200b}", "an invisible character at its character 4"),
            ("a\u{7}", "a control character at its character 2"),
            ("schlüssel", "a character that is not ASCII at its character 5"),
        ] {
            assert_eq!(unfit(text).as_deref(), Some(expected));
        }
        assert_eq!(unfit("a+b/c=="), None);
        assert_eq!(misshapen("a%2Bb%3D").as_deref(), Some("it is URL-encoded"));
        assert_eq!(misshapen("SAS_KEY_VALUE"), None);
    }
}
