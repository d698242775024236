use bridge_core::record::Header;
use cel::extensions;
use proptest::prelude::*;

use super::*;
use crate::json::Document;
use crate::sample::record;

/// Whether the expression holds; `Err` is the detail.
fn holds(expression: &str, value: &str) -> Result<bool, String> {
    let expression =
        Expression::compile(expression).unwrap_or_else(|why| panic!("{expression}: {why}"));
    let headers = [
        Header { name: b"type", value: Some(b"created") },
        Header { name: b"content-type", value: None },
        Header { name: b"raw", value: Some(b"\xff") },
    ];
    let record = record(Some(b"k1"), Some(value.as_bytes()), &headers);
    let document = Document::parse(value.as_bytes()).unwrap();
    let held = expression.holds(&record, &Draft::of(&record), Some(document.root()));
    held.map_err(|why| match why {
        Stop::Refused(EXPRESSION, detail) => detail,
        other => panic!("{other:?}"),
    })
}

const ORDER: &str = r#"{"total": 100.5, "count": 3, "big": 12345678901234567890,
    "customer": {"country": "SE", "vip": true}, "note": null, "a-b": "\u00e5",
    "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}"#;

#[test]
fn conditions_hold_or_not() {
    for expression in [
        "value.total > 100 && headers.type == 'created'",
        "value.customer.country in ['SE', 'NO']",
        "value.lines.exists(l, l.sku == 'b' && l.n > 1)",
        "value.lines.all(l, l.n < 3) && value.lines.exists_one(l, l.n == 1)",
        "size(value.lines.filter(l, l.n > 1)) == 1 && value.lines.map(l, l.n * 2) == [2, 4]",
        "has(value.customer.vip) && !has(value.customer.name)",
        "'type' in headers && !('other' in headers) && headers['content-type'] == null",
        "key == 'k1' && topic.startsWith('ord') && partition == 3 && offset >= 42",
        "timestamp == 1767225600000",
        "value.note == null && value.`a-b` == 'å' && value['a-b'].size() == 1",
        "value.customer.country.lowerAscii().matches('^s[e]$')",
        "value.count * 1.5 == 4.5 && value.count / 2 == 1 && value.count % 2 == 1",
        "value.big > 9223372036854775807 && 9007199254740993 > 9007199254740992.0",
        "value.lines[1].sku + 'x' == 'bx' && value.lines == value.lines",
        "value.total > 1000 ? false : string(value.count) == '3' && int('7') == 7",
        "value.nothing == 1 || true",
        "'sku' in value.lines[0] && value.lines.size() == 2",
        "value.lines.exists(l, value.lines.exists(m, m.n == l.n + 1))",
        "value.lines + [1] == value.lines + [1]",
    ] {
        assert_eq!(holds(expression, ORDER), Ok(true), "{expression}");
        assert_eq!(holds(&format!("!({expression})"), ORDER), Ok(false), "{expression}");
    }
}

#[test]
fn what_has_no_result_says_the_place_and_never_a_value() {
    for (expression, says) in [
        ("value.nothing == 1", "`value` has no `nothing`"),
        ("value.customer.name == 'x'", "`value.customer` has no `name`"),
        ("value.customer.country.x == 1", "`value.customer.country` is not an object"),
        ("value.customer.country", "`value.customer.country` is not true or false"),
        (
            "value.customer.country > 1",
            "country` and the result of an expression cannot be compared",
        ),
        ("value.lines.exists(x, x.nope == 1)", "an element has no `nope`"),
        ("value.lines[7].n == 1", "`value.lines[7]` does not exist"),
        ("value.customer.country * 2 == 1", "an operator does not fit"),
        ("value.count / 0 == 1", "divided by zero"),
        ("headers.raw == 'x'", "header `raw` is not UTF-8"),
        ("int(value.customer.country) == 1", "cannot be converted"),
        ("value.customer.country.exists(x, true)", "is not a list"),
    ] {
        let why = holds(expression, ORDER).unwrap_err();
        assert!(why.contains(says), "{expression}: {why}");
        assert!(!why.contains("SE"), "{why}");
    }
}

#[test]
fn what_is_wrong_is_told_before_there_is_a_record() {
    for (expression, says, column) in [
        ("valu.total > 1", "there is no `valu`, only `value`", 1),
        ("true && (offset == 1 || nope)", "there is no `nope`", 25),
        ("'text'", "it is text, not true or false", 1),
        ("key.matches(topic)", "in quotes", 13),
        ("key.matches('(')", "it is not a pattern", 13),
        ("value.x.exists(1, true)", "gives each element a name", 16),
        ("offset == 1u", "without `u`", 11),
    ] {
        let why = Expression::compile(expression).unwrap_err();
        assert!(why.what.contains(says), "{expression}: {why}");
        assert_eq!((why.line, why.column), (1, column), "{expression}: {why}");
    }
    for (expression, says) in [
        ("value.total >", ""),
        ("", ""),
        ("true && foo(1)", "there is no function `foo`"),
        ("1 + 1", "not true or false"),
        ("size(key, 1) == 1", "takes 1 arguments"),
        ("{'a': 1} == {}", "objects cannot be made"),
        ("has(value)", "`has` asks for a field"),
        ("value.?x == 1", ""),
    ] {
        let why = Expression::compile(expression).unwrap_err();
        assert!(why.what.contains(says) && why.column > 0, "{expression}: {why}");
        assert!(!why.what.contains('\n'), "{why}");
    }
    let second = Expression::compile("true &&\n  nope").unwrap_err();
    assert_eq!((second.line, second.column), (2, 3));
    assert!(Expression::compile(&"(".repeat(5000)).is_err(), "too long");
    assert!(Expression::compile(&"(".repeat(4000)).is_err(), "too deep");
}

/// Whatever the expression and the record are, it ends, and soon.
#[test]
fn time_and_memory_have_a_bound() {
    let (ones, text) = ("1,".repeat(200_000), "a".repeat(500_000));
    let ones = format!(r#"{{"l": [{ones}1], "t": "{text}"}}"#);
    for expression in [
        "value.l.all(x, value.l.all(y, value.l.all(z, x == y && y == z)))",
        "value.l.map(x, value.t + value.t).size() == 0",
        "value.l.map(x, value.t).map(x, x + x + x + x).size() == 0",
        "value.l.exists(x, value.t.matches('(a|aa)+b'))",
        "value.l.exists(x, value.t.contains('aaaaaaaaaaaaaaab'))",
        "value.l.map(x, value.l) == value.l.map(x, value.l)",
        "value.l.map(a, value.l.map(b, [a, b, a, b])).size() == 0",
        "value.l.exists(x, value.l[x + 199998] == 2)",
        "value.l + value.l == []",
    ] {
        let why = holds(expression, &ones).unwrap_err();
        assert!(why.contains("more than 100000 steps"), "{expression}: {why}");
    }
    // Few steps, were it not for what each of them looks at or copies.
    let (few, name) = ("1,".repeat(5_000), "a".repeat(500_000));
    let long =
        format!(r#"{{"l": [{few}1], "t": "{name}", "{name}": 1, "\u0062{name}": 2, "n": 1}}"#);
    for expression in [
        "value.l.all(x, value.n == x)",
        "value.l.all(x, value[value.t] == x)",
        "[[value.t + value.t]].all(y, value.l.map(x, y[0]).size() > 0)",
    ] {
        let why = holds(expression, &long).unwrap_err();
        assert!(why.contains("more than 100000 steps"), "{expression}: {why}");
    }
    let wide = (0..50_000).map(|n| format!("\"{n}\": 1")).collect::<Vec<_>>().join(",");
    let wide = format!(r#"{{"o": {{{wide}}}, "p": {{{wide}}}}}"#);
    assert!(holds("value.o == value.p", &wide).unwrap_err().contains("steps"));
}

const LEAVES: &[&str] = &[
    "value.i",
    "value.j",
    "value.s",
    "value.t",
    "value.b",
    "value.n",
    "value.l",
    "value.o",
    "value.o.i",
    "value.missing",
    "value.l[0]",
    "value.l[9]",
    "value['s']",
    "1",
    "2",
    "-3",
    "1.5",
    "'a'",
    "'ab'",
    "true",
    "false",
    "null",
    "[1, 2]",
    "['a']",
    "value.d",
];
const CALLS: &[&str] = &[
    "size({})",
    "({}).startsWith('a')",
    "({}).contains('b')",
    "({}).endsWith('b')",
    "!({})",
    "-({})",
    "({}).lowerAscii()",
    "({}).exists(x, x == 1)",
    "({}).all(x, x != 'a')",
    "({}).exists_one(x, x == 2)",
    "({}).filter(x, x == 1)",
    "({}).map(x, [x])",
    "has(value.s)",
    "({}).matches('a.?')",
];
const OPERATORS: &[&str] =
    &["==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%", "in"];
const WORDS: &[&str] = &[
    "value",
    ".",
    "x",
    "(",
    ")",
    "[",
    "]",
    "'a'",
    "1",
    "&&",
    "||",
    "!",
    "-",
    "==",
    "in",
    "has",
    "exists",
    ",",
    "?",
    ":",
    "{",
    "}",
    "`",
    "\"",
    "\n",
    "b'",
    "1u",
    "1e999",
    "99999999999999999999",
];

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone(), prop::sample::select(OPERATORS));
        let call = (inner.clone(), prop::sample::select(CALLS));
        let three = (inner.clone(), inner.clone(), inner);
        prop_oneof![
            two.prop_map(|(one, other, operator)| format!("({one} {operator} {other})")),
            call.prop_map(|(of, call)| call.replace("{}", &of)),
            three.prop_map(|(test, yes, no)| format!("({test} ? {yes} : {no})")),
        ]
    })
}

const WITNESSED: &str = r#"{"i": 1, "j": 2, "s": "ab", "t": "a", "b": true, "n": null,
    "l": [1, 2, "a"], "o": {"i": 1}, "d": 2.5}"#;

/// What the interpreter of the crate makes of it.
fn witness(expression: &str) -> Option<bool> {
    let mut env = cel::Env::stdlib();
    env.add_extension(extensions::strings).unwrap();
    let env = std::sync::Arc::new(env);
    let program = env.compile(expression).unwrap();
    let mut context = cel::Context::with_env(env);
    let value: serde_json::Value = serde_json::from_str(WITNESSED).unwrap();
    context.add_variable("value", value).unwrap();
    match program.execute(&context) {
        Ok(cel::Value::Bool(it)) => Some(it),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Ours may have a result where theirs has none: numbers of both kinds may be mixed. Never another one.
    #[test]
    fn the_interpreter_of_the_crate_agrees(expression in expression()) {
        if Expression::compile(&expression).is_ok() {
            match (holds(&expression, WITNESSED), witness(&expression)) {
                (Ok(ours), Some(theirs)) => prop_assert_eq!(ours, theirs, "{}", expression),
                (Err(why), Some(theirs)) => prop_assert!(false, "{}: {}, {}", expression, theirs, why),
                (_, None) => {}
            }
        }
    }

    #[test]
    fn any_text_is_an_expression_or_is_not(text in "\\PC{0,40}") {
        drop(Expression::compile(&text));
    }

    #[test]
    fn any_words_are_an_expression_or_are_not(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..12)
    ) {
        drop(Expression::compile(&words.join(" ")));
    }
}
