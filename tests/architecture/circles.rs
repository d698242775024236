//! Circles between files of `src`: files of which each needs another, all the way round.
//!
//! An arrow goes from a file that uses a name to the file that defines it, through whatever hands the name on. `mod` and `pub use`
//! are none. Neither is a part's use of what its own folder defines: that belongs to all of its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use regex::Regex;

use super::source::{Source, top_level};
use super::{root, sources};

/// Steps of a path: `crate`, `kafka`, `queue` for a name, `kafka`, `queue` for a module.
type Steps = Vec<String>;

/// What is defined, handed on and used in one file.
struct File {
    defines: BTreeSet<String>,
    /// Names it has from elsewhere, each with the path to it.
    imports: BTreeMap<String, Steps>,
    /// `use there::*`
    globs: Vec<Steps>,
    uses: BTreeSet<Steps>,
}

/// All files, by their modules.
struct Files(BTreeMap<Steps, File>);

fn steps(path: &str) -> Steps {
    path.split("::").map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// The names of a `use`, each with its path.
fn expand(tree: &str, before: &[String]) -> Vec<(String, Steps)> {
    let tree = tree.trim();
    if let Some((path, group)) = tree.split_once('{') {
        let before = [before, &steps(path)].concat();
        let members = top_level(group);
        return members.into_iter().flat_map(|member| expand(member, &before)).collect();
    }
    let (path, name) = tree.split_once(" as ").map_or((tree, None), |(a, b)| (a, Some(b.trim())));
    let mut path = [before, &steps(path)].concat();
    if path.last().is_some_and(|it| it == "self") {
        path.pop();
    }
    let Some(last) = path.last() else { return Vec::new() };
    vec![(name.unwrap_or(last).to_owned(), path)]
}

impl File {
    fn read(code: &str) -> Self {
        static TESTS: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))? )?mod \w+ \{").unwrap()
        });
        static DEFINED: LazyLock<Regex> = LazyLock::new(|| {
            let what = "struct|enum|trait|fn|const|static|type|union|macro_rules!";
            let how = r"(?:pub(?:\([^)]*\))? )?(?:async |const |unsafe )*";
            Regex::new(&format!(r"(?m)^{how}(?:{what})\s+(\w+)")).unwrap()
        });
        static USE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(?m)^\s*(pub(?:\([^)]*\))? )?use ([^;]+);").unwrap());
        static NAMED: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(?:^|[^\w:.])((?:\w+::)+\w+)").unwrap());
        let code = TESTS.split(code).next().unwrap_or_default();
        let defines = DEFINED.captures_iter(code).map(|found| found[1].to_owned()).collect();
        let mut file =
            Self { defines, imports: BTreeMap::new(), globs: Vec::new(), uses: BTreeSet::new() };
        for found in USE.captures_iter(code) {
            for (name, mut path) in expand(&found[2], &[]) {
                if name == "*" {
                    path.pop();
                    file.globs.push(path);
                    continue;
                }
                if found.get(1).is_none() {
                    file.uses.insert(path.clone());
                }
                file.imports.insert(name, path);
            }
        }
        let code = USE.replace_all(code, "");
        file.uses.extend(NAMED.captures_iter(&code).map(|found| steps(&found[1])));
        file
    }
}

impl Files {
    fn new(sources: &[Source]) -> Self {
        let is_code =
            |it: &&Source| !it.path.ends_with("/tests.rs") && !it.path.contains("/tests/");
        let module = |path: &str| {
            let path = path.trim_start_matches("src/").trim_end_matches(".rs");
            let path = path.trim_end_matches("/mod").split('/').filter(|it| *it != "lib");
            path.map(str::to_owned).collect::<Steps>()
        };
        let read = |source: &Source| (module(&source.path), File::read(&source.code));
        Self(sources.iter().filter(is_code).map(read).collect())
    }

    /// The file that defines what `path` names in `module`. None when it is a module, or not of this crate.
    fn home(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut Vec<(Steps, Steps)>,
    ) -> Option<Steps> {
        let here = (module.to_vec(), path.to_vec());
        if seen.contains(&here) {
            return None;
        }
        seen.push(here);
        let first = path.first()?;
        if first == "crate" {
            return self.within(&[], &path[1..], seen);
        }
        let up = path.iter().take_while(|it| *it == "super").count();
        if up > 0 {
            return self.within(&module[..module.len().checked_sub(up)?], &path[up..], seen);
        }
        self.within(module, path.strip_prefix(&["self".to_owned()]).unwrap_or(path), seen)
    }

    /// The same for a path that begins in `module`.
    fn within(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut Vec<(Steps, Steps)>,
    ) -> Option<Steps> {
        let (first, rest) = path.split_first()?;
        let file = self.0.get(module)?;
        let inner = [module, std::slice::from_ref(first)].concat();
        if self.0.contains_key(&inner) {
            return self.within(&inner, rest, seen);
        }
        if file.defines.contains(first) {
            return Some(module.to_vec());
        }
        if let Some(import) = file.imports.get(first) {
            return self.home(module, &[import, rest].concat(), seen);
        }
        file.globs.iter().find_map(|glob| self.home(module, &[glob, path].concat(), seen))
    }

    /// Which file needs which others.
    fn arrows(&self) -> BTreeMap<&Steps, BTreeSet<Steps>> {
        let needs = |module: &Steps, file: &File| {
            let homes =
                file.uses.iter().filter_map(|path| self.home(module, path, &mut Vec::new()));
            homes.filter(|home| !module.starts_with(home)).collect()
        };
        self.0.iter().map(|(module, file)| (module, needs(module, file))).collect()
    }

    /// The circles, each as its files: `kafka::fetched, kafka::queue`.
    fn circles(&self) -> BTreeSet<String> {
        let arrows = self.arrows();
        let reached = |from: &Steps| {
            let (mut all, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(next) = open.pop() {
                for to in &arrows[next] {
                    if all.insert(to) {
                        open.push(to);
                    }
                }
            }
            all
        };
        let reached: BTreeMap<_, _> = arrows.keys().map(|from| (*from, reached(from))).collect();
        let circle = |(from, all): (&&Steps, &BTreeSet<&Steps>)| {
            all.contains(from).then(|| {
                let back = all.iter().filter(|to| reached[**to].contains(from));
                back.map(|it| it.join("::")).collect::<Vec<_>>().join(", ")
            })
        };
        reached.iter().filter_map(circle).collect()
    }
}

/// The circles that the page explains: rows of `| circle | why |` that begin with one.
fn explained(page: &str) -> BTreeSet<String> {
    let (_, part) = page.split_once("\n### Circles\n").expect("a section of its own");
    let part = part.split("\n#").next().unwrap_or_default();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split("` |").next());
    rows.map(str::to_owned).collect()
}

#[test]
fn the_picture_has_no_circle_that_is_not_explained() {
    let circles = Files::new(&sources("src")).circles();
    for circle in &circles {
        println!("circle: {circle}");
    }
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert_eq!(circles, explained(&page), "found, and explained in docs/architecture.md");
}

#[test]
fn a_circle_is_found_through_what_hands_a_name_on() {
    let files = |sources: &[(&str, &str)]| {
        let source = |(path, code): &(&str, &str)| Source::new((*path).to_owned(), code);
        let sources = [&[("src/lib.rs", "mod a;\n")], sources].concat();
        Files::new(&sources.iter().map(source).collect::<Vec<_>>()).circles()
    };
    let part = (
        "src/a/mod.rs",
        "mod b;\nmod c;\npub use b::B;\nfn own() { c::go(); }\npub struct Shared;\n",
    );
    let left = ("src/a/b.rs", "use super::{Shared, c::C};\npub struct B(C, Shared);\n");
    let right = "pub struct C;\npub fn go() {}\n";
    assert!(files(&[part, left, ("src/a/c.rs", right)]).is_empty());
    for back in [
        "use crate::a::B;",
        "use super::B as Other;",
        "use super::*;\nfn f() -> B { B::new() }\nuse crate::a::b as x;\ntype X = x::B;",
    ] {
        let right = format!("{back}\n{right}");
        let found = files(&[part, left, ("src/a/c.rs", &right)]);
        assert_eq!(found, ["a::b, a::c".to_owned()].into(), "{back}");
    }
    // Of its tests alone.
    let tests = format!("{right}#[cfg(test)]\nmod tests {{\n    use crate::a::B;\n}}\n");
    assert!(files(&[part, left, ("src/a/c.rs", &tests)]).is_empty());
}
