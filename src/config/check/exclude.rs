//! `topic_exclude`: what a pattern does not take.

use bridge_core::mapping::whole_name;
use regex::Regex;

use crate::config::hint::shown;
use crate::config::names::is_topic;
use crate::config::path::Path;
use crate::config::raw;

use super::Check;

impl Check<'_> {
    /// What the mapping at `at` leaves out of its pattern, each for a whole name.
    pub(super) fn exclude(&mut self, at: &Path, given: &raw::Mapping) -> Vec<Regex> {
        let at = at.key("topic_exclude");
        let texts = given.topic_exclude.iter().flatten().enumerate();
        texts.filter_map(|(index, text)| self.left_out(&at.index(index), text)).collect()
    }

    /// The mapping at `at` names its topics, of which nothing can be left out.
    pub(super) fn nothing_to_exclude(&mut self, at: &Path, given: &raw::Mapping) {
        if given.topic_exclude.is_some() {
            self.wrong(
                &at.key("topic_exclude"),
                "leaves nothing out",
                "the mapping names its topics, and reads no other",
                "remove it, or use `topic_pattern`",
            );
        }
    }

    /// A name, or an expression for whole names.
    fn left_out(&mut self, at: &Path, text: &str) -> Option<Regex> {
        let text = self.text(at, Some(&text.to_owned()), "it would leave nothing out")?;
        if let Some(expression) = glob(&text) {
            self.wrong(
                at,
                format!("is {}, which looks like a file name's pattern", shown(&text)),
                "in a regular expression `*` repeats the character before it",
                format!("write `{expression}`"),
            );
            return None;
        }
        let expression = if is_topic(&text) { regex::escape(&text) } else { text.clone() };
        match whole_name(&expression) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let error = error.to_string();
                let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.wrong(
                    at,
                    format!("is {}, neither a name nor a regular expression", shown(&text)),
                    cause,
                    r"write it as in `.*\.internal`; in TOML, single quotes keep a backslash as it is",
                );
                None
            }
        }
    }
}

/// What somebody meant who wrote `*.internal` or `__*`, as an expression.
pub(super) fn glob(text: &str) -> Option<String> {
    let mut before = None;
    let stands_alone = text.chars().any(|c| {
        let bare =
            c == '*' && before.is_none_or(|b: char| b.is_ascii_alphanumeric() || "_-".contains(b));
        before = Some(c);
        bare
    });
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-*".contains(c));
    (stands_alone && plain).then(|| text.replace('.', r"\.").replace('*', ".*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_pattern_is_told_from_an_expression() {
        for (text, meant) in
            [("*.internal", r".*\.internal"), ("__*", "__.*"), ("*", ".*"), ("a*b", "a.*b")]
        {
            assert_eq!(glob(text).as_deref(), Some(meant));
        }
        for text in [r".*\.internal", "__.*", "_schemas", "a.b", "(a|b)*", "[ab]*"] {
            assert_eq!(glob(text), None, "{text}");
        }
    }
}
