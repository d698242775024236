//! Which of several connectors is meant.

use super::form::FileContent;
use super::given::GivenKeys;
use super::{ImportChoice, ImportError, Remark, dialect, mirror};

/// The one to be read; what else is in the file is named.
pub(super) fn choose(
    held: FileContent,
    choice: ImportChoice<'_>,
    notes: &mut Vec<Remark>,
) -> Result<GivenKeys, ImportError> {
    let FileContent { mut connectors, refused, .. } = held;
    if connectors.is_empty() {
        let why = refused.iter().map(|Remark { key, text, .. }| format!("`{key}` {text}"));
        return Err(ImportError::Unknown(why.collect::<Vec<_>>().join("; ")));
    }
    notes.extend(refused);
    let place = place(&connectors, choice)?;
    let chosen = connectors.swap_remove(place);
    for other in &connectors {
        notes.push(Remark::new(name(other), format!("is another connector, {}", class(other))));
    }
    Ok(chosen)
}

fn place(connectors: &[GivenKeys], choice: ImportChoice<'_>) -> Result<usize, ImportError> {
    let names = |places: &[usize]| places.iter().map(|at| name(&connectors[*at])).collect();
    let all = (0..connectors.len()).collect::<Vec<_>>();
    let is_mirror = connectors.iter().any(mirror::is_mirror);
    let wanted = choice.connector.or(choice.flow.filter(|_| is_mirror));
    if let Some(wanted) = wanted {
        return all.iter().copied().find(|at| name(&connectors[*at]) == wanted).ok_or_else(|| {
            ImportError::NoConnector { wanted: wanted.to_owned(), held: names(&all) }
        });
    }
    if all.len() == 1 {
        return Ok(0);
    }
    let is_known = |it: &GivenKeys| {
        let class = it.get("connector.class").unwrap_or_default();
        mirror::is_mirror(it) || it.has("clusters") || dialect::of(class).is_some()
    };
    let known = all.iter().copied().filter(|at| is_known(&connectors[*at])).collect::<Vec<_>>();
    match known.as_slice() {
        [one] => Ok(*one),
        [] => {
            let each = connectors.iter().map(|it| format!("`{}` is {}", name(it), class(it)));
            let each = each.collect::<Vec<_>>().join(", ");
            Err(ImportError::Unknown(format!(
                "none of its connectors is known: {each}; known are {}",
                dialect::known()
            )))
        }
        several => Err(ImportError::Connectors(names(several))),
    }
}

fn name(of: &GivenKeys) -> String {
    of.get("name").unwrap_or("CHANGE-ME").to_owned()
}

fn class(of: &GivenKeys) -> String {
    match of.get("connector.class") {
        Some(class) => format!("of class `{class}`"),
        None => "without a class".to_owned(),
    }
}
