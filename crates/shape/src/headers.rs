//! Headers that are kept, dropped, renamed and set.

use std::borrow::Cow;

use bridge_core::record::Record;
use bridge_core::step::{Draft, Field};

use crate::json::Value;
use crate::pattern::Pattern;
use crate::stop::Stop;
use crate::template::Template;

pub(crate) const CONTENT_TYPE: &[u8] = b"content-type";
const SPRING_CONTENT_TYPE: &[u8] = b"contentType";
const SPRING_TYPES: &[u8] = b"spring_json_header_types";

/// What becomes of headers, in this order.
#[derive(Debug, Default)]
pub struct Headers {
    /// Whether they are as Spring writes them: `contentType` becomes `content-type`, and its list of Java types goes.
    pub spring: bool,
    /// Only these stay, if any are named.
    pub keep: Vec<Pattern>,
    /// These go.
    pub drop: Vec<Pattern>,
    /// From one name to another.
    pub rename: Vec<(Box<str>, Box<str>)>,
    /// These are set, instead of what is there under the name.
    pub add: Vec<(Box<str>, Template)>,
}

impl Headers {
    /// Whether nothing is asked for.
    pub(crate) fn is_none(&self) -> bool {
        let Self { spring, keep, drop, rename, add } = self;
        !spring && keep.is_empty() && drop.is_empty() && rename.is_empty() && add.is_empty()
    }

    /// The templates of those that are set.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.add.iter().map(|(_, template)| template)
    }

    /// Whether none is called `name` afterwards, whatever a record has.
    pub fn is_gone(&self, name: &str) -> bool {
        let is = |all: &[Pattern]| all.iter().any(|it| it.matches(name.as_bytes()));
        let set = self.add.iter().map(|(to, _)| to).chain(self.rename.iter().map(|(_, to)| to));
        let taken = self.rename.iter().any(|(from, _)| **from == *name);
        let goes = taken || is(&self.drop) || !self.keep.is_empty() && !is(&self.keep);
        goes && !set.into_iter().any(|to| **to == *name)
    }

    pub(crate) fn change(
        &self,
        record: &Record<'_>,
        draft: &mut Draft<'_>,
        value: Option<Value<'_>>,
    ) -> Result<(), Stop> {
        // Before any goes: a template may read one that is not kept.
        let filled = self.add.iter().map(|(name, it)| Ok((name, it.fill(record, draft, value)?)));
        let filled = filled.collect::<Result<Vec<_>, Stop>>()?;
        if self.spring {
            spring(draft);
        }
        let is = |all: &[Pattern], name: &[u8]| all.iter().any(|it| it.matches(name));
        if !self.keep.is_empty() || !self.drop.is_empty() {
            draft.headers.retain(|it| {
                (self.keep.is_empty() || is(&self.keep, &it.name)) && !is(&self.drop, &it.name)
            });
        }
        for field in &mut draft.headers {
            let renamed = self.rename.iter().find(|(from, _)| *field.name == *from.as_bytes());
            if let Some((_, to)) = renamed {
                field.name = Cow::Owned(to.as_bytes().to_vec());
            }
        }
        for (name, value) in filled {
            set(draft, name.as_bytes().to_vec(), value);
        }
        Ok(())
    }
}

/// Sets a header, and so removes all others of its name.
pub(crate) fn set<'r>(
    draft: &mut Draft<'r>,
    name: impl Into<Cow<'r, [u8]>>,
    value: impl Into<Cow<'r, [u8]>>,
) {
    let name = name.into();
    draft.headers.retain(|field| field.name != name);
    draft.headers.push(Field { name, value: Some(value.into()) });
}

/// Spring writes the content type under a name of its own, in some versions as JSON: in quotes.
fn spring(draft: &mut Draft<'_>) {
    let said = draft.header(SPRING_CONTENT_TYPE).and_then(|it| it.value.clone());
    draft.headers.retain(|it| *it.name != *SPRING_CONTENT_TYPE && *it.name != *SPRING_TYPES);
    if let Some(said) = said {
        let bare = match &said[..] {
            [b'"', inside @ .., b'"'] => inside.to_vec(),
            all => all.to_vec(),
        };
        set(draft, CONTENT_TYPE, bare);
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::record::Header;

    use super::*;
    use crate::sample::record;

    type Pairs = Vec<(String, String)>;

    fn changed(headers: &Headers, given: &[(&str, &str)]) -> Pairs {
        let given = given
            .iter()
            .map(|(name, value)| Header { name: name.as_bytes(), value: Some(value.as_bytes()) });
        let given: Vec<_> = given.collect();
        let record = record(None, None, &given);
        let mut draft = Draft::of(&record);
        headers.change(&record, &mut draft, None).unwrap();
        let text = |it: &[u8]| String::from_utf8(it.to_vec()).unwrap();
        let pair = |it: &Field<'_>| (text(&it.name), text(it.value.as_deref().unwrap()));
        draft.headers.iter().map(pair).collect()
    }

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn headers_are_kept_dropped_renamed_and_set() {
        let patterns = |all: &[&str]| all.iter().map(|it| Pattern::parse(it).unwrap()).collect();
        let template = |text| Template::parse(text, |_| None).unwrap();
        let headers = Headers {
            keep: patterns(&["a", "x-.*"]),
            drop: patterns(&["x-secret"]),
            rename: vec![("a".into(), "b".into())],
            add: vec![("x-1".into(), template("{topic}")), ("n".into(), template("{header:go}"))],
            ..Headers::default()
        };
        let given =
            [("a", "1"), ("a", "2"), ("go", "3"), ("x-secret", "4"), ("x-1", "5"), ("x-2", "6")];
        let expected = [("b", "1"), ("b", "2"), ("x-2", "6"), ("x-1", "orders"), ("n", "3")];
        assert_eq!(changed(&headers, &given), pairs(&expected));
    }

    #[test]
    fn a_header_that_cannot_be_there_is_known() {
        let patterns = |all: &[&str]| all.iter().map(|it| Pattern::parse(it).unwrap()).collect();
        let template = Template::parse("x", |_| None).unwrap();
        let headers = Headers {
            drop: patterns(&["x-.*"]),
            rename: vec![("a".into(), "x-a".into())],
            add: vec![("x-1".into(), template)],
            ..Headers::default()
        };
        assert_eq!(["a", "x-2"].map(|name| headers.is_gone(name)), [true; 2]);
        assert_eq!(["x-a", "x-1", "b"].map(|name| headers.is_gone(name)), [false; 3]);
        let headers = Headers { keep: patterns(&["a"]), ..Headers::default() };
        assert_eq!((headers.is_gone("a"), headers.is_gone("b")), (false, true));
    }

    #[test]
    fn spring_says_its_content_type_as_others_do() {
        let headers = Headers { spring: true, ..Headers::default() };
        let types = ("spring_json_header_types", "{}");
        for said in ["\"application/json\"", "application/json"] {
            let given = [("contentType", said), types, ("id", "1")];
            let expected = [("id", "1"), ("content-type", "application/json")];
            assert_eq!(changed(&headers, &given), pairs(&expected));
        }
        let others = [("content-type", "a/b")];
        assert_eq!(changed(&headers, &others), pairs(&others));
    }
}
