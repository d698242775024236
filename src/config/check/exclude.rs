//! `topic_exclude`: what a pattern does not take.

use regex::Regex;

use crate::config::hint::shown;
use crate::config::names::is_topic;
use crate::config::path::Path;
use crate::config::{Exclude, Mapping, Topics, raw};

use super::Check;

impl Check<'_> {
    /// What the mapping at `at` leaves out of its pattern.
    pub(super) fn exclude(
        &mut self,
        at: &Path,
        given: &raw::Mapping,
        topics: Option<&Topics>,
    ) -> Option<Exclude> {
        let texts = given.topic_exclude.as_ref()?;
        let at = at.key("topic_exclude");
        let pattern = match topics? {
            Topics::Pattern(pattern) => pattern.clone(),
            Topics::Named(_) => {
                self.wrong(
                    &at,
                    "leaves nothing out",
                    "the mapping names its topics, and takes no other",
                    "remove it, or use `topic_pattern`",
                );
                return None;
            }
        };
        let mut but = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            but.extend(self.left_out(&at.index(index), text));
        }
        Some(Exclude { pattern, but })
    }

    /// A name, or an expression for whole names.
    fn left_out(&mut self, at: &Path, text: &str) -> Option<Regex> {
        let text = self.text(at, Some(&text.to_owned()), "it would leave nothing out")?;
        if let Some(expression) = glob(&text) {
            self.wrong(
                at,
                format!("is {}, which looks like a file name's pattern", shown(&text)),
                "in a regular expression `*` repeats what stands before it",
                format!("write `{expression}`"),
            );
            return None;
        }
        let expression = if is_topic(&text) { regex::escape(&text) } else { text.clone() };
        match Regex::new(&format!("^(?:{expression})$")) {
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

    /// A topic that is named is read, and every mapping takes of it what it matches: what one leaves out cannot be read for
    /// another.
    pub(super) fn nothing_excluded_is_named(
        &mut self,
        excludes: &[(Path, Exclude)],
        mappings: &[(Path, Mapping)],
    ) {
        for (at, exclude) in excludes {
            for (other, mapping) in mappings {
                let Topics::Named(names) = &mapping.topics else { continue };
                let Some(topic) = names.iter().find(|name| exclude.takes(name)) else { continue };
                self.wrong(
                    &at.key("topic_exclude"),
                    format!("leaves out `{topic}`, which `{other}` names"),
                    "what is named is read, and goes to every mapping whose `topic_pattern` matches it",
                    "make the pattern such that it does not match it",
                );
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
