//! An expression, evaluated. Each step, and all memory it takes, is paid for out of one budget.

use std::borrow::Cow;
use std::rc::Rc;

use bridge_core::record::Record;
use bridge_core::step::Draft;

use super::operate::{compare, compute, convert, equal};
use super::tree::{Compare, Expr, Function, Variable};
use crate::json::{Kind, Value};

/// What an expression may come to.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    /// A list or an object of the value, where it stands.
    Json(Value<'a>),
    List(Rc<Vec<Val<'a>>>),
    Headers,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// What is wrong, by places and never by values.
    Wrong(String),
    TooMuch,
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

pub(super) fn wrong<T>(what: impl Into<String>) -> Result<T> {
    Err(Failure::Wrong(what.into()))
}

/// What is left to spend. A step is about what it takes to look at 16 bytes.
#[derive(Debug)]
pub(super) struct Budget(u32);

impl Budget {
    pub(super) fn pay(&mut self, steps: usize) -> Result<()> {
        let steps = u32::try_from(steps).map_err(|_| Failure::TooMuch)?;
        self.0 = self.0.checked_sub(steps).ok_or(Failure::TooMuch)?;
        Ok(())
    }

    /// For text that is looked at or copied.
    pub(super) fn pay_text(&mut self, bytes: usize) -> Result<()> {
        self.pay(bytes / 16)
    }
}

/// One evaluation.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    record: &'a Record<'a>,
    pub(super) draft: &'a Draft<'a>,
    value: Option<Value<'a>>,
    pub(super) locals: Vec<Val<'a>>,
    pub(super) budget: Budget,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        record: &'a Record<'_>,
        draft: &'a Draft<'_>,
        value: Option<Value<'a>>,
        steps: u32,
    ) -> Self {
        Self { record, draft, value, locals: Vec::new(), budget: Budget(steps) }
    }

    pub(super) fn holds(&mut self, expr: &'a Expr) -> Result<bool> {
        match self.eval(expr)? {
            Val::Bool(it) => Ok(it),
            _ => wrong(format!("{expr} is not true or false")),
        }
    }

    pub(super) fn eval(&mut self, expr: &'a Expr) -> Result<Val<'a>> {
        self.budget.pay(1)?;
        Ok(match expr {
            Expr::Null => Val::Null,
            Expr::Bool(it) => Val::Bool(*it),
            Expr::Int(it) => Val::Int(*it),
            Expr::Double(it) => Val::Double(*it),
            Expr::Text(it) => Val::Text(Cow::Borrowed(it)),
            Expr::Variable(variable) => self.variable(*variable)?,
            Expr::Local(depth) => self.local(*depth)?,
            Expr::Select(of, name) => match self.select(of, name)? {
                Some(found) => found,
                None => return wrong(format!("{of} has no `{name}`")),
            },
            Expr::Has(of, name) => Val::Bool(self.select(of, name)?.is_some()),
            Expr::Index(of, index) => self.index(expr, of, index)?,
            Expr::Not(of) => Val::Bool(!self.holds(of)?),
            Expr::Negate(of) => match self.eval(of)? {
                Val::Int(it) if it != i64::MIN => Val::Int(-it),
                Val::Double(it) => Val::Double(-it),
                _ => return wrong(format!("{of} is not a number, or it is too large")),
            },
            Expr::And(one, other) => Val::Bool(self.unless(false, one, other)?),
            Expr::Or(one, other) => Val::Bool(self.unless(true, one, other)?),
            Expr::If(all) => {
                let [test, yes, no] = &**all;
                if self.holds(test)? { self.eval(yes)? } else { self.eval(no)? }
            }
            Expr::Compare(how, one, other) => Val::Bool(self.compare(*how, one, other)?),
            Expr::Compute(how, one, other) => {
                let (left, right) = (self.eval(one)?, self.eval(other)?);
                compute(*how, left, right, self)?
            }
            Expr::In(one, other) => Val::Bool(self.is_in(one, other)?),
            Expr::Call(function, args) => self.call(*function, args)?,
            Expr::Matches(of, regex) => {
                let text = self.text(of)?;
                self.budget.pay(text.len() / 4)?;
                Val::Bool(regex.is_match(&text))
            }
            Expr::List(all) => {
                let all = all.iter().map(|it| self.eval(it)).collect::<Result<Vec<_>>>()?;
                Val::List(Rc::new(all))
            }
            Expr::Loop(kind, range, body) => self.repeat(*kind, range, body)?,
        })
    }

    fn variable(&mut self, variable: Variable) -> Result<Val<'a>> {
        let record = self.record;
        Ok(match variable {
            Variable::Value => match self.value {
                Some(value) => self.lift(value)?,
                None => Val::Null,
            },
            Variable::Key => self.bytes(self.draft.key.as_deref(), || "the key".to_owned())?,
            Variable::Headers => Val::Headers,
            Variable::Topic => Val::Text(Cow::Borrowed(record.topic)),
            Variable::Partition => Val::Int(record.partition.into()),
            Variable::Offset => Val::Int(record.offset),
            Variable::Timestamp => record.timestamp.map_or(Val::Null, Val::Int),
        })
    }

    fn bytes(&mut self, bytes: Option<&'a [u8]>, name: impl Fn() -> String) -> Result<Val<'a>> {
        let Some(bytes) = bytes else { return Ok(Val::Null) };
        self.budget.pay_text(bytes.len())?;
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Val::Text(Cow::Borrowed(text))),
            Err(_) => wrong(format!("{} is not UTF-8", name())),
        }
    }

    fn local(&mut self, depth: usize) -> Result<Val<'a>> {
        let Some(local) = self.locals.get(depth) else { return wrong("a name has no value") };
        if let Val::Text(Cow::Owned(text)) = local {
            self.budget.pay_text(text.len())?;
        }
        Ok(local.clone())
    }

    /// A value of JSON: its lists and objects stay where they are.
    pub(super) fn lift(&mut self, value: Value<'a>) -> Result<Val<'a>> {
        Ok(match value.kind() {
            Kind::Null => Val::Null,
            Kind::True => Val::Bool(true),
            Kind::False => Val::Bool(false),
            Kind::Number => {
                let raw = value.raw();
                self.budget.pay_text(raw.len())?;
                match raw.parse() {
                    Ok(whole) => Val::Int(whole),
                    Err(_) => Val::Double(raw.parse().unwrap_or(f64::NAN)),
                }
            }
            Kind::Text | Kind::Escaped => {
                if value.kind() == Kind::Escaped {
                    self.budget.pay_text(value.raw().len())?;
                }
                Val::Text(value.text().unwrap_or_default())
            }
            Kind::List | Kind::Object => Val::Json(value),
        })
    }

    /// The member of that name, the last one; every member is paid for, and each name that is looked at.
    pub(super) fn member(&mut self, object: Value<'a>, name: &str) -> Result<Option<Val<'a>>> {
        let mut found = None;
        for (number, member) in object.members().enumerate() {
            self.budget.pay(usize::from(number % 4 == 3))?;
            let written = member.name.range().len();
            if member.name.kind() == Kind::Escaped || written == name.len() + 2 {
                self.budget.pay_text(written)?;
            }
            if member.name.is(name) {
                found = Some(member.value);
            }
        }
        found.map(|it| self.lift(it)).transpose()
    }

    pub(super) fn header(&mut self, name: &str) -> Result<Option<Val<'a>>> {
        let headers = &self.draft.headers;
        self.budget.pay(headers.len() / 4)?;
        let alike = headers.iter().filter(|it| it.name.len() == name.len()).count();
        self.budget.pay_text(alike * name.len())?;
        let Some(field) = self.draft.header(name.as_bytes()) else { return Ok(None) };
        self.bytes(field.value.as_deref(), || format!("header `{name}`")).map(Some)
    }

    fn select(&mut self, of: &'a Expr, name: &str) -> Result<Option<Val<'a>>> {
        match self.eval(of)? {
            Val::Json(object) if object.kind() == Kind::Object => self.member(object, name),
            Val::Headers => self.header(name),
            _ => wrong(format!("{of} is not an object, so it has no `{name}`")),
        }
    }

    fn index(&mut self, whole: &Expr, of: &'a Expr, index: &'a Expr) -> Result<Val<'a>> {
        let (list, index) = (self.eval(of)?, self.eval(index)?);
        let found = match (list, index) {
            (Val::Headers, Val::Text(name)) => self.header(&name)?,
            (Val::Json(object), Val::Text(name)) if object.kind() == Kind::Object => {
                self.member(object, &name)?
            }
            (Val::Json(list), Val::Int(at)) if list.kind() == Kind::List => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                self.budget.pay(at.min(list.raw().len()) / 4)?;
                list.elements().nth(at).map(|it| self.lift(it)).transpose()?
            }
            (Val::List(list), Val::Int(at)) => {
                let found = usize::try_from(at).ok().and_then(|at| list.get(at));
                if let Some(Val::Text(Cow::Owned(text))) = found {
                    self.budget.pay_text(text.len())?;
                }
                found.cloned()
            }
            _ => return wrong(format!("{of} has no elements")),
        };
        found.map_or_else(|| wrong(format!("{whole} does not exist")), Ok)
    }

    /// `&&` and `||`: one side that settles it is enough, also where the other has no result.
    fn unless(&mut self, settles: bool, one: &'a Expr, other: &'a Expr) -> Result<bool> {
        match self.holds(one) {
            Ok(it) if it == settles => Ok(it),
            Ok(_) => self.holds(other),
            Err(Failure::TooMuch) => Err(Failure::TooMuch),
            Err(why) => match self.holds(other) {
                Ok(it) if it == settles => Ok(it),
                Err(Failure::TooMuch) => Err(Failure::TooMuch),
                _ => Err(why),
            },
        }
    }

    fn compare(&mut self, how: Compare, one: &'a Expr, other: &'a Expr) -> Result<bool> {
        let (left, right) = (self.eval(one)?, self.eval(other)?);
        match how {
            Compare::Equal => equal(self, &left, &right),
            Compare::NotEqual => Ok(!equal(self, &left, &right)?),
            _ => match compare(how, &left, &right, &mut self.budget)? {
                Some(holds) => Ok(holds),
                None => wrong(format!("{one} and {other} cannot be compared")),
            },
        }
    }

    fn text(&mut self, of: &'a Expr) -> Result<Cow<'a, str>> {
        match self.eval(of)? {
            Val::Text(text) => Ok(text),
            _ => wrong(format!("{of} is not text")),
        }
    }

    fn call(&mut self, function: Function, args: &'a [Expr]) -> Result<Val<'a>> {
        let [of, rest @ ..] = args else { return wrong("a function has no argument") };
        Ok(match function {
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                let [other] = rest else { return wrong("a function has no second argument") };
                let (text, part) = (self.text(of)?, self.text(other)?);
                self.budget.pay_text(text.len() + part.len())?;
                Val::Bool(match function {
                    Function::StartsWith => text.starts_with(&*part),
                    Function::EndsWith => text.ends_with(&*part),
                    _ => text.contains(&*part),
                })
            }
            Function::LowerAscii | Function::UpperAscii => {
                let mut text = self.text(of)?;
                self.budget.pay_text(text.len())?;
                match function {
                    Function::LowerAscii => text.to_mut().make_ascii_lowercase(),
                    _ => text.to_mut().make_ascii_uppercase(),
                }
                Val::Text(text)
            }
            Function::Size => self.size(of)?,
            Function::Int | Function::Double | Function::Text => {
                let given = self.eval(of)?;
                if let Val::Text(text) = &given {
                    self.budget.pay_text(text.len())?;
                }
                match convert(function, given) {
                    Some(made) => made,
                    None => return wrong(format!("{of} cannot be converted")),
                }
            }
        })
    }
}
