//! "Did you mean": the nearest known word, and what of a value may be repeated to the operator.

/// How alike two words must be to suggest one for the other; below this a suggestion is a guess.
const ALIKE: f64 = 0.6;

/// The word of `known` nearest to `word`, if one is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    known
        .into_iter()
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&word, &known.to_ascii_lowercase()), known)
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// `words` in backticks: "`a`, `b`, `c`".
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// `value` in backticks, unless it could be a secret that landed in the wrong key, or would fill the screen.
pub(super) fn shown(value: &str) -> String {
    if is_secret(value) || value.chars().count() > 60 || value.chars().any(char::is_control) {
        "(a value not shown here)".to_owned()
    } else {
        format!("`{value}`")
    }
}

/// Whether `value` is, by its look, a secret, whatever the key it stands in.
pub(super) fn is_secret(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    ["sharedaccess", "accountkey", "sig="].iter().any(|mark| lower.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["brokers", "group_id", "instance_id", "start"];
        assert_eq!(nearest("broker", known), Some("brokers"));
        assert_eq!(nearest("groupid", known), Some("group_id"));
        assert_eq!(nearest("Start", known), Some("start"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn never_repeats_what_may_be_secret() {
        assert_eq!(shown("mirrored"), "`mirrored`");
        for value in ["Endpoint=sb://x;SharedAccessKey=abc", &"x".repeat(61), "a\nb"] {
            assert_eq!(shown(value), "(a value not shown here)");
        }
    }
}
