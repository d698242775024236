//! Lists, and what loops go over. An element is read when it is its turn.

use std::borrow::Cow;
use std::rc::Rc;

use super::evaluate::{Evaluation, Failure, Result, Val, wrong};
use super::operate::equal;
use super::tree::{Expr, Loop};
use crate::json::{Kind, Value};

impl<'a> Evaluation<'a> {
    pub(super) fn is_in(&mut self, one: &'a Expr, other: &'a Expr) -> Result<bool> {
        let (wanted, all) = (self.eval(one)?, self.eval(other)?);
        match (&wanted, all) {
            (Val::Text(name), Val::Headers) => Ok(self.header(name)?.is_some()),
            (Val::Text(name), Val::Json(object)) if object.kind() == Kind::Object => {
                Ok(self.member(object, name)?.is_some())
            }
            (_, all) => {
                for element in elements(all, other)? {
                    let element = element.of(self)?;
                    if equal(self, &wanted, &element)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    pub(super) fn size(&mut self, of: &'a Expr) -> Result<Val<'a>> {
        let size = match self.eval(of)? {
            Val::Text(text) => {
                self.budget.pay_text(text.len())?;
                text.chars().count()
            }
            Val::List(list) => list.len(),
            Val::Headers => self.draft.headers.len(),
            all @ Val::Json(_) => {
                let mut size = 0;
                for _ in elements(all, of)? {
                    size += 1;
                    self.budget.pay(usize::from(size % 4 == 0))?;
                }
                size
            }
            _ => return wrong(format!("{of} has no size")),
        };
        Ok(Val::Int(size as i64))
    }

    pub(super) fn repeat(
        &mut self,
        kind: Loop,
        range: &'a Expr,
        body: &'a Expr,
    ) -> Result<Val<'a>> {
        let all = self.eval(range)?;
        let (mut holds, mut made, mut failed) = (0_usize, Vec::new(), None);
        for element in elements(all, range)? {
            self.budget.pay(1)?;
            let element = element.of(self)?;
            self.locals.push(element);
            let result = self.eval(body);
            let element = self.locals.pop();
            match (kind, result) {
                (Loop::Map, result) => made.push(result?),
                (Loop::Exists, Ok(Val::Bool(true))) => return Ok(Val::Bool(true)),
                (Loop::All, Ok(Val::Bool(false))) => return Ok(Val::Bool(false)),
                (Loop::Filter, Ok(Val::Bool(true))) => made.extend(element),
                (Loop::ExistsOne, Ok(Val::Bool(true))) => holds += 1,
                (_, Ok(Val::Bool(_))) => {}
                // A later element may settle it.
                (Loop::Exists | Loop::All, Ok(_)) => {
                    failed = Some(format!("{body} is not true or false"));
                }
                (Loop::Exists | Loop::All, Err(Failure::Wrong(why))) => failed = Some(why),
                (_, Ok(_)) => return wrong(format!("{body} is not true or false")),
                (_, Err(why)) => return Err(why),
            }
        }
        match (kind, failed) {
            (_, Some(why)) => wrong(why),
            (Loop::Map | Loop::Filter, None) => Ok(Val::List(Rc::new(made))),
            (Loop::Exists, None) => Ok(Val::Bool(false)),
            (Loop::All, None) => Ok(Val::Bool(true)),
            (Loop::ExistsOne, None) => Ok(Val::Bool(holds == 1)),
        }
    }
}

/// What a loop goes over: elements of a list, names of an object.
fn elements<'a>(all: Val<'a>, of: &Expr) -> Result<Elements<'a>> {
    match all {
        Val::Json(value) if value.kind() == Kind::List => {
            Ok(Box::new(value.elements().map(Element::Json)))
        }
        Val::Json(value) => Ok(Box::new(value.members().map(|it| Element::Json(it.name)))),
        Val::List(list) => {
            Ok(Box::new((0..list.len()).map(move |at| Element::Made(Rc::clone(&list), at))))
        }
        _ => wrong(format!("{of} is not a list")),
    }
}

type Elements<'a> = Box<dyn Iterator<Item = Element<'a>> + 'a>;

/// An element of a list.
enum Element<'a> {
    Json(Value<'a>),
    Made(Rc<Vec<Val<'a>>>, usize),
}

impl<'a> Element<'a> {
    fn of(self, evaluation: &mut Evaluation<'a>) -> Result<Val<'a>> {
        match self {
            Self::Json(value) => evaluation.lift(value),
            Self::Made(list, at) => {
                if let Val::Text(Cow::Owned(text)) = &list[at] {
                    evaluation.budget.pay_text(text.len())?;
                }
                Ok(list[at].clone())
            }
        }
    }
}
