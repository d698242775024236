//! From the text of an expression to its tree: all that can be wrong with it without a record is told here, with its place.

use cel::Env;
use cel::common::ast::{CallExpr, Expr as Ast, IdedExpr, LiteralValue, SourceInfo, operators};
use regex::RegexBuilder;

use super::tree::{Compare, Compute, Expr, Function, Known, Loop, Variable};
use super::{LONGEST, NoExpression};
use crate::pattern::{LARGEST, one_line};

const FUNCTIONS: &[(&str, Function, usize)] = &[
    ("size", Function::Size, 1),
    ("startsWith", Function::StartsWith, 2),
    ("endsWith", Function::EndsWith, 2),
    ("contains", Function::Contains, 2),
    ("lowerAscii", Function::LowerAscii, 1),
    ("upperAscii", Function::UpperAscii, 1),
    ("int", Function::Int, 1),
    ("double", Function::Double, 1),
    ("string", Function::Text, 1),
];

const LOOPS: &[(&str, Loop)] = &[
    ("all", Loop::All),
    ("exists", Loop::Exists),
    ("exists_one", Loop::ExistsOne),
    ("filter", Loop::Filter),
    ("map", Loop::Map),
];

const VARIABLES: &[Variable] = &[
    Variable::Value,
    Variable::Key,
    Variable::Headers,
    Variable::Topic,
    Variable::Partition,
    Variable::Offset,
    Variable::Timestamp,
];

const COMPARE: &[(&str, Compare)] = &[
    (operators::EQUALS, Compare::Equal),
    (operators::NOT_EQUALS, Compare::NotEqual),
    (operators::LESS, Compare::Less),
    (operators::LESS_EQUALS, Compare::LessOrEqual),
    (operators::GREATER, Compare::Greater),
    (operators::GREATER_EQUALS, Compare::GreaterOrEqual),
];

const COMPUTE: &[(&str, Compute)] = &[
    (operators::ADD, Compute::Add),
    (operators::SUBSTRACT, Compute::Subtract),
    (operators::MULTIPLY, Compute::Multiply),
    (operators::DIVIDE, Compute::Divide),
    (operators::MODULO, Compute::Remainder),
];

/// The tree of `written`, and whether it reads the value.
pub(super) fn compile(written: &str) -> Result<(Expr, bool), NoExpression> {
    if written.len() > LONGEST {
        let what = format!("it is longer than {LONGEST} bytes");
        return Err(NoExpression { what, line: 1, column: 1 });
    }
    // Without macros: `all` and the like are left as they are written, and are loops below.
    let parser = Env::default().parser().enable_optional_syntax(false);
    let parsed = parser.enable_ident_escape_syntax(true).parse_with_source_info(written);
    let (ast, source) = parsed.map_err(|errors| {
        let first = errors.errors.first();
        let what = first.map_or("it cannot be read", |it| it.msg.as_str());
        let what = what.strip_prefix("Syntax error: ").unwrap_or(what).replace('\n', " ");
        let (line, column) = first.map_or((1, 1), |it| it.pos);
        NoExpression { what, line: line.max(1) as usize, column: column.max(1) as usize }
    })?;
    let mut compiler = Compiler { source, locals: Vec::new(), reads_value: false };
    let root = compiler.condition(&ast)?;
    Ok((root, compiler.reads_value))
}

struct Compiler {
    source: SourceInfo,
    locals: Vec<String>,
    reads_value: bool,
}

type Compiled = Result<Expr, NoExpression>;

impl Compiler {
    fn wrong<T>(&self, at: &IdedExpr, what: impl Into<String>) -> Result<T, NoExpression> {
        let start = self.source.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        let before: String = self.source.source.chars().take(start).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Err(NoExpression { what: what.into(), line, column })
    }

    /// What has to be true or false.
    fn condition(&mut self, ast: &IdedExpr) -> Compiled {
        let made = self.expr(ast)?;
        match made.result() {
            Known::Other(what) => self.wrong(ast, format!("it is {what}, not true or false")),
            Known::Bool | Known::Nothing => Ok(made),
        }
    }

    fn boxed(&mut self, ast: &IdedExpr) -> Result<Box<Expr>, NoExpression> {
        self.expr(ast).map(Box::new)
    }

    fn expr(&mut self, ast: &IdedExpr) -> Compiled {
        match &ast.expr {
            Ast::Literal(literal) => self.literal(ast, literal),
            Ast::Ident(name) => self.ident(ast, name),
            Ast::Select(select) => {
                Ok(Expr::Select(self.boxed(&select.operand)?, select.field.as_str().into()))
            }
            Ast::List(list) => {
                let elements = list.elements.iter().map(|it| self.expr(it));
                elements.collect::<Result<_, _>>().map(Expr::List)
            }
            Ast::Call(call) => self.call(ast, call),
            Ast::Map(_) | Ast::Struct(_) => self.wrong(ast, "objects cannot be made here"),
            Ast::Comprehension(_) | Ast::Unspecified => self.wrong(ast, "it cannot be read"),
        }
    }

    fn literal(&self, ast: &IdedExpr, literal: &LiteralValue) -> Compiled {
        Ok(match literal {
            LiteralValue::Null => Expr::Null,
            LiteralValue::Boolean(it) => Expr::Bool(*it.inner()),
            LiteralValue::Int(it) => Expr::Int(*it.inner()),
            LiteralValue::Double(it) => Expr::Double(*it.inner()),
            LiteralValue::String(it) => Expr::Text(it.inner().into()),
            LiteralValue::UInt(_) => return self.wrong(ast, "write the number without `u`"),
            LiteralValue::Bytes(_) => return self.wrong(ast, "write text without `b`"),
        })
    }

    fn ident(&mut self, ast: &IdedExpr, name: &str) -> Compiled {
        if let Some(depth) = self.locals.iter().rposition(|it| it == name) {
            return Ok(Expr::Local(depth));
        }
        let Some(variable) = VARIABLES.iter().find(|it| it.to_string() == name) else {
            let all = VARIABLES.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
            return self.wrong(ast, format!("there is no `{name}`, only {all}"));
        };
        self.reads_value |= *variable == Variable::Value;
        Ok(Expr::Variable(*variable))
    }

    fn call(&mut self, ast: &IdedExpr, call: &CallExpr) -> Compiled {
        let name = call.func_name.as_str();
        if let Some(made) = self.operator(name, &call.args)? {
            return Ok(made);
        }
        // `size(x)` and `x.size()` are the same.
        let args: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        if let Some((_, kind)) = LOOPS.iter().find(|(known, _)| *known == name) {
            return self.repeat(ast, *kind, name, &args);
        }
        match (name, &args[..]) {
            ("has", [of]) => match &of.expr {
                Ast::Select(it) => {
                    Ok(Expr::Has(self.boxed(&it.operand)?, it.field.as_str().into()))
                }
                _ => self.wrong(ast, "`has` asks for a field: `has(value.customer)`"),
            },
            ("matches", [of, pattern]) => self.matches(of, pattern),
            _ => self.function(ast, name, &args),
        }
    }

    fn matches(&mut self, of: &IdedExpr, pattern: &IdedExpr) -> Compiled {
        let of = self.boxed(of)?;
        let Ast::Literal(LiteralValue::String(text)) = &pattern.expr else {
            return self.wrong(pattern, "the pattern of `matches` has to be written in quotes");
        };
        match RegexBuilder::new(text.inner()).size_limit(LARGEST).build() {
            Ok(regex) => Ok(Expr::Matches(of, regex)),
            Err(error) => self.wrong(pattern, format!("it is not a pattern: {}", one_line(&error))),
        }
    }

    fn function(&mut self, ast: &IdedExpr, name: &str, args: &[&IdedExpr]) -> Compiled {
        let Some((_, function, wanted)) = FUNCTIONS.iter().find(|(known, ..)| *known == name)
        else {
            let all = FUNCTIONS.iter().map(|(name, ..)| *name);
            let all = all.chain(LOOPS.iter().map(|(name, _)| *name)).chain(["has", "matches"]);
            let all = all.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
            return self.wrong(ast, format!("there is no function `{name}`, only {all}"));
        };
        if args.len() != *wanted {
            let what = format!("`{name}` takes {wanted} arguments, with what is before its dot");
            return self.wrong(ast, what);
        }
        let args = args.iter().map(|it| self.expr(it)).collect::<Result<_, _>>()?;
        Ok(Expr::Call(*function, args))
    }

    fn repeat(&mut self, ast: &IdedExpr, kind: Loop, name: &str, args: &[&IdedExpr]) -> Compiled {
        let [range, variable, body] = args else {
            return self.wrong(ast, format!("write `list.{name}(x, …)`"));
        };
        let Ast::Ident(variable) = &variable.expr else {
            let what = format!("`{name}` gives each element a name: `list.{name}(x, …)`");
            return self.wrong(variable, what);
        };
        let range = self.boxed(range)?;
        self.locals.push(variable.clone());
        let body = if kind == Loop::Map { self.expr(body) } else { self.condition(body) };
        self.locals.pop();
        Ok(Expr::Loop(kind, range, Box::new(body?)))
    }

    fn operator(&mut self, name: &str, args: &[IdedExpr]) -> Result<Option<Expr>, NoExpression> {
        Ok(Some(match (name, args) {
            (operators::CONDITIONAL, [test, yes, no]) => {
                Expr::If(Box::new([self.condition(test)?, self.expr(yes)?, self.expr(no)?]))
            }
            (operators::LOGICAL_NOT, [of]) => Expr::Not(Box::new(self.condition(of)?)),
            (operators::NEGATE, [of]) => Expr::Negate(self.boxed(of)?),
            (operators::LOGICAL_AND, [one, other]) => {
                Expr::And(Box::new(self.condition(one)?), Box::new(self.condition(other)?))
            }
            (operators::LOGICAL_OR, [one, other]) => {
                Expr::Or(Box::new(self.condition(one)?), Box::new(self.condition(other)?))
            }
            (operators::INDEX, [of, index]) => Expr::Index(self.boxed(of)?, self.boxed(index)?),
            (operators::IN, [one, other]) => Expr::In(self.boxed(one)?, self.boxed(other)?),
            (_, [one, other]) => {
                let compare = COMPARE.iter().find(|(known, _)| *known == name);
                let compute = COMPUTE.iter().find(|(known, _)| *known == name);
                match (compare, compute) {
                    (Some((_, how)), _) => {
                        Expr::Compare(*how, self.boxed(one)?, self.boxed(other)?)
                    }
                    (_, Some((_, how))) => {
                        Expr::Compute(*how, self.boxed(one)?, self.boxed(other)?)
                    }
                    (None, None) => return Ok(None),
                }
            }
            _ => return Ok(None),
        }))
    }
}
