//! What somebody else wrote, for a terminal: characters that it would obey, or that turn a text around, are named instead of written. Pure.

use std::fmt::Write as _;

/// Whether a terminal, or whoever reads, could be led astray by it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, and changes, of the direction of writing.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Ends of lines that are none to others, and what is not seen.
            | '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A text on one line.
pub(crate) fn line(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// A text on lines of its own, each behind `margin`: none of them can be taken for ours.
pub(crate) fn block(text: &str, margin: &str) -> String {
    let lines = text.split('\n').map(|it| it.split('\t').map(line).collect::<Vec<_>>().join("\t"));
    lines.map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// The same document, in which such characters are escaped.
pub(crate) fn json(document: &str) -> String {
    let mut plain = String::with_capacity(document.len());
    for c in document.chars() {
        // A line's end is between the parts of a document; in its texts it is escaped already.
        if c == '\n' || !is_hostile(c) {
            plain.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(plain, "\\u{unit:04x}").expect("a `String` takes everything");
        }
    }
    plain
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a `String` takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_it() {
        assert_eq!(line("\u{1b}[2J\u{9b}31mred\r\n"), "\\u{1b}[2J\\u{9b}31mred\\r\\n");
        assert_eq!(line("evil\u{202e}txt"), "evil\\u{202e}txt");
        assert_eq!(line("Zoë 東京 🦀"), "Zoë 東京 🦀");
        assert_eq!(block("a\tb\n\u{7}hint: rm", "  "), "  a\tb\n  \\u{7}hint: rm");
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }

    proptest! {
        #[test]
        fn nothing_hostile_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_hostile));
            let block = block(&text, "  ");
            prop_assert!(block.lines().all(|line| line.starts_with("  ")));
            prop_assert!(!block.chars().any(|c| is_hostile(c) && c != '\n' && c != '\t'));
        }

        #[test]
        fn a_document_says_the_same(text in any::<String>(), name in any::<String>()) {
            let document = serde_json::json!({ "text": text, "more": [name] });
            let escaped = json(&serde_json::to_string_pretty(&document).unwrap());
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), &document);
            prop_assert!(!escaped.chars().any(|c| is_hostile(c) && c != '\n'));
        }
    }
}
