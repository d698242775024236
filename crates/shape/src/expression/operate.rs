//! Equality, order, arithmetic and conversion.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use super::evaluate::{Budget, Evaluation, Result, Val, wrong};
use super::tree::{Compare, Compute, Function};
use crate::json::{Kind, Value};

/// Whether two are equal. What is of different kinds is not; numbers are one kind.
pub(super) fn equal<'a>(
    evaluation: &mut Evaluation<'a>,
    one: &Val<'a>,
    other: &Val<'a>,
) -> Result<bool> {
    evaluation.budget.pay(1)?;
    Ok(match (one, other) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(one), Val::Bool(other)) => one == other,
        (Val::Text(one), Val::Text(other)) => {
            if one.len() == other.len() {
                evaluation.budget.pay_text(one.len())?;
            }
            one == other
        }
        (Val::Json(one), Val::Json(other)) => match (one.kind(), other.kind()) {
            (Kind::Object, Kind::Object) => objects(evaluation, *one, *other)?,
            (Kind::List, Kind::List) => lists(evaluation, *one, *other)?,
            _ => false,
        },
        (Val::List(one), Val::List(other)) => {
            if one.len() != other.len() {
                return Ok(false);
            }
            for (one, other) in one.iter().zip(&**other) {
                if !equal(evaluation, one, other)? {
                    return Ok(false);
                }
            }
            true
        }
        (Val::Json(json), Val::List(list)) | (Val::List(list), Val::Json(json)) => {
            json.kind() == Kind::List && list_and_made(evaluation, *json, list)?
        }
        (one, other) => order_of_numbers(one, other) == Some(Ordering::Equal),
    })
}

fn lists<'a>(evaluation: &mut Evaluation<'a>, one: Value<'a>, other: Value<'a>) -> Result<bool> {
    let (mut one, mut other) = (one.elements(), other.elements());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ok(true),
            (Some(one), Some(other)) => {
                let (one, other) = (evaluation.lift(one)?, evaluation.lift(other)?);
                if !equal(evaluation, &one, &other)? {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }
}

fn list_and_made<'a>(
    evaluation: &mut Evaluation<'a>,
    json: Value<'a>,
    made: &[Val<'a>],
) -> Result<bool> {
    let (mut one, mut other) = (json.elements(), made.iter());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ok(true),
            (Some(one), Some(other)) => {
                let one = evaluation.lift(one)?;
                if !equal(evaluation, &one, other)? {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }
}

/// Each has what the other has, in any order; of members with one name the last counts.
fn objects<'a>(evaluation: &mut Evaluation<'a>, one: Value<'a>, other: Value<'a>) -> Result<bool> {
    for (these, those) in [(one, other), (other, one)] {
        for member in these.members() {
            let name = member.name.text().unwrap_or_default();
            evaluation.budget.pay_text(name.len())?;
            let ours = evaluation.member(these, &name)?;
            let theirs = evaluation.member(those, &name)?;
            let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(false) };
            if !equal(evaluation, &ours, &theirs)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn order_of_numbers(one: &Val<'_>, other: &Val<'_>) -> Option<Ordering> {
    match (one, other) {
        (Val::Int(one), Val::Int(other)) => Some(one.cmp(other)),
        (Val::Double(one), Val::Double(other)) => one.partial_cmp(other),
        (Val::Int(one), Val::Double(other)) => whole_and_double(*one, *other),
        (Val::Double(one), Val::Int(other)) => {
            whole_and_double(*other, *one).map(Ordering::reverse)
        }
        _ => None,
    }
}

/// One more than the largest whole number.
const END: f64 = 9_223_372_036_854_775_808.0;

/// Exactly, where a conversion of either would round.
fn whole_and_double(whole: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        None
    } else if double >= END {
        Some(Ordering::Less)
    } else if double < -END {
        Some(Ordering::Greater)
    } else {
        let fraction = 0.0_f64.partial_cmp(&double.fract())?;
        Some(whole.cmp(&(double.trunc() as i64)).then(fraction))
    }
}

/// `<` and the like; `None` where two are not in any order.
pub(super) fn compare(
    how: Compare,
    one: &Val<'_>,
    other: &Val<'_>,
    budget: &mut Budget,
) -> Result<Option<bool>> {
    let order = match (one, other) {
        (Val::Text(one), Val::Text(other)) => {
            budget.pay_text(one.len().min(other.len()))?;
            Some(one.cmp(other))
        }
        (Val::Bool(one), Val::Bool(other)) => Some(one.cmp(other)),
        (Val::Int(_) | Val::Double(_), Val::Int(_) | Val::Double(_)) => {
            // What is not a number is neither less nor greater.
            let Some(order) = order_of_numbers(one, other) else { return Ok(Some(false)) };
            Some(order)
        }
        _ => None,
    };
    Ok(order.map(|order| match how {
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
        Compare::Equal => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
    }))
}

/// Arithmetic. Whole numbers stay whole and never wrap; one that is not makes both so.
pub(super) fn compute<'a>(
    how: Compute,
    one: Val<'a>,
    other: Val<'a>,
    evaluation: &mut Evaluation<'a>,
) -> Result<Val<'a>> {
    let made = match (one, other) {
        (Val::Int(one), Val::Int(other)) => {
            let made = match how {
                Compute::Add => one.checked_add(other),
                Compute::Subtract => one.checked_sub(other),
                Compute::Multiply => one.checked_mul(other),
                Compute::Divide => one.checked_div(other),
                Compute::Remainder => one.checked_rem(other),
            };
            return made.map_or_else(
                || wrong("a number would be too large, or is divided by zero"),
                |it| Ok(Val::Int(it)),
            );
        }
        (Val::Text(one), Val::Text(other)) if how == Compute::Add => {
            evaluation.budget.pay_text(one.len() + other.len())?;
            Some(Val::Text(Cow::Owned(format!("{one}{other}"))))
        }
        (one, other) if how == Compute::Add && is_list(&one) && is_list(&other) => {
            let mut all = Vec::new();
            for list in [one, other] {
                append(list, &mut all, evaluation)?;
            }
            Some(Val::List(Rc::new(all)))
        }
        (one, other) => doubles(how, &one, &other),
    };
    made.map_or_else(|| wrong("an operator does not fit its operands"), Ok)
}

fn is_list(value: &Val<'_>) -> bool {
    match value {
        Val::List(_) => true,
        Val::Json(value) => value.kind() == Kind::List,
        _ => false,
    }
}

fn append<'a>(
    list: Val<'a>,
    all: &mut Vec<Val<'a>>,
    evaluation: &mut Evaluation<'a>,
) -> Result<()> {
    match list {
        Val::List(list) => {
            for element in &*list {
                evaluation.budget.pay(2)?;
                if let Val::Text(Cow::Owned(text)) = element {
                    evaluation.budget.pay_text(text.len())?;
                }
                all.push(element.clone());
            }
        }
        Val::Json(list) => {
            for element in list.elements() {
                evaluation.budget.pay(2)?;
                all.push(evaluation.lift(element)?);
            }
        }
        _ => {}
    }
    Ok(())
}

fn doubles<'a>(how: Compute, one: &Val<'a>, other: &Val<'a>) -> Option<Val<'a>> {
    let double = |it: &Val<'_>| match it {
        Val::Int(it) => Some(*it as f64),
        Val::Double(it) => Some(*it),
        _ => None,
    };
    let (one, other) = (double(one)?, double(other)?);
    Some(Val::Double(match how {
        Compute::Add => one + other,
        Compute::Subtract => one - other,
        Compute::Multiply => one * other,
        Compute::Divide => one / other,
        Compute::Remainder => return None,
    }))
}

/// `int`, `double` and `string`.
pub(super) fn convert(to: Function, given: Val<'_>) -> Option<Val<'_>> {
    Some(match (to, given) {
        (Function::Int, Val::Int(it)) => Val::Int(it),
        (Function::Int, Val::Double(it)) => Val::Int((it > -END && it < END).then_some(it as i64)?),
        (Function::Int, Val::Text(it)) => Val::Int(it.parse().ok()?),
        (Function::Double, Val::Int(it)) => Val::Double(it as f64),
        (Function::Double, Val::Double(it)) => Val::Double(it),
        (Function::Double, Val::Text(it)) => Val::Double(it.parse().ok()?),
        (Function::Text, Val::Int(it)) => Val::Text(Cow::Owned(it.to_string())),
        (Function::Text, Val::Double(it)) => Val::Text(Cow::Owned(it.to_string())),
        (Function::Text, Val::Bool(it)) => Val::Text(Cow::Owned(it.to_string())),
        (Function::Text, text @ Val::Text(_)) => text,
        _ => return None,
    })
}
