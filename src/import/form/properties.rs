//! Properties, as `java.util.Properties` reads them; but the text is UTF-8, as people write it.

use std::collections::BTreeMap;

/// What is blank within a line.
const BLANK: [char; 3] = [' ', '\t', '\x0c'];

/// Keys and values; of a key that is said twice the last one holds. The error says where and why.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut keys = BTreeMap::new();
    for (number, line) in logical(text) {
        let (key, value) = entry(&line);
        let read = meant(key).and_then(|key| Ok((key, meant(value)?)));
        let (key, value) = read.map_err(|why| format!("line {number}: {why}"))?;
        keys.insert(key, value);
    }
    Ok(keys)
}

/// The lines that say something, each with those it goes on in, and with its number.
fn logical(text: &str) -> Vec<(usize, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut lines, mut open): (Vec<(usize, String)>, _) = (Vec::new(), None);
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.trim_start_matches(BLANK);
        let (number, mut whole) = match open.take() {
            Some(begun) => begun,
            None if line.is_empty() || line.starts_with(['#', '!']) => continue,
            None => (number, String::new()),
        };
        let bare = line.trim_end_matches('\\');
        // The last of an odd number is escaped by no other.
        if (line.len() - bare.len()) % 2 == 1 {
            whole.push_str(&line[..line.len() - 1]);
            open = Some((number, whole));
        } else {
            whole.push_str(line);
            lines.push((number, whole));
        }
    }
    lines.extend(open);
    lines
}

/// Key and value of a line, as written.
fn entry(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c| {
        let ends = !escaped && (BLANK.contains(&c) || ['=', ':'].contains(&c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANK);
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANK))
}

/// What escapes stand for. Like Java's they are units of UTF-16, of which a character may need two.
fn meant(text: &str) -> Result<String, String> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let c = match (c, (c == '\\').then(|| rest.next()).flatten()) {
            ('\\', Some('u')) => {
                let (unit, after) = unit(rest.as_str())?;
                units.push(unit);
                rest = after.chars();
                continue;
            }
            ('\\', Some('t')) => '\t',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('f')) => '\x0c',
            ('\\', Some(itself)) => itself,
            // Nothing is left of what the file ends with.
            ('\\', None) => break,
            (c, _) => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "`\\u` gives half a character".to_owned())
}

/// The four digits of a `\u`, and what follows them.
fn unit(text: &str) -> Result<(u16, &str), String> {
    let digits =
        text.split_at_checked(4).filter(|(it, _)| it.chars().all(|c| c.is_ascii_hexdigit()));
    let unit = digits.and_then(|(it, rest)| Some((u16::from_str_radix(it, 16).ok()?, rest)));
    unit.ok_or_else(|| "`\\u` is not followed by four hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, String)> {
        read(text).unwrap().into_iter().collect()
    }

    fn check(text: &str, wanted: &[(&str, &str)]) {
        let wanted: Vec<_> =
            wanted.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(entries(text), wanted, "{text:?}");
    }

    #[test]
    fn a_key_ends_at_an_equals_sign_a_colon_or_a_blank() {
        for text in
            ["a=b", "a:b", "a b", "  a = b", "\ta\t:\tb", "a \x0c= b", "a=b\r", "a=b\r\n\r\n"]
        {
            check(text, &[("a", "b")]);
        }
        check("a==b", &[("a", "=b")]);
        check("a : = b", &[("a", "= b")]);
        check("a", &[("a", "")]);
        check("=b", &[("", "b")]);
        check(r"a\=\:\ b=c", &[("a=: b", "c")]);
        check(r"a\\=b", &[(r"a\", "b")]);
    }

    #[test]
    fn a_value_keeps_its_blanks_at_the_end_and_the_last_of_two_holds() {
        check("a = b  \n", &[("a", "b  ")]);
        check("a=1\na=2", &[("a", "2")]);
    }

    #[test]
    fn remarks_and_empty_lines_say_nothing() {
        check("# a=b\n! a=b\n \t\n\n  # c=d \\\ne=f", &[("e", "f")]);
        check("a=#b!", &[("a", "#b!")]);
    }

    #[test]
    fn a_line_goes_on_after_an_odd_number_of_backslashes() {
        check("a=b,\\\n  c,\\\r\n\td\ne=f", &[("a", "b,c,d"), ("e", "f")]);
        check("a=b\\\\\nc=d", &[("a", r"b\"), ("c", "d")]);
        check("a=b\\\\\\\nc=d", &[("a", r"b\c=d")]);
        check("a=b\\\n# not a remark", &[("a", "b# not a remark")]);
        check("a=b\\\n\nc=d", &[("a", "b"), ("c", "d")]);
        check("a=b\\", &[("a", "b")]);
        check("ke\\\n  y=b", &[("key", "b")]);
    }

    #[test]
    fn escapes_stand_for_characters() {
        check(r"a=\t\n\r\f\\\q\u0041\u00fC", &[("a", "\t\n\r\x0c\\qA\u{fc}")]);
        check(r"a=\uD83D\uDE00", &[("a", "\u{1f600}")]);
        check("größe=große", &[("größe", "große")]);
    }

    #[test]
    fn an_escape_that_is_none_is_told_with_its_line() {
        let error = |text: &str| read(text).unwrap_err();
        let digits = "line 3: `\\u` is not followed by four hexadecimal digits";
        for text in [r"a=\u12", r"a=\u12g4", r"a=\u+123", r"\u=b", r"a=\u12é"] {
            assert_eq!(error(&format!("# x\n\n{text}")), digits, "{text}");
        }
        assert_eq!(error("a=b,\\\n\\uD83D"), "line 1: `\\u` gives half a character");
    }
}
