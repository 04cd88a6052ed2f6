//! Expressions: tree → typed nodes.

use super::{Scope, formula_literal, test};
use crate::filter::ast::{Call, Element, Formula, Operator, Pick, Relation, Search, Source, Spanned, Test};
use crate::filter::eval::formula::{Compare, From, Node};
use crate::filter::plan::{Order, Plan};
use crate::filter::uses::{Aggregate, FilterUse};
use crate::filter::value::Type;
use crate::layer::{FieldDef, Kind};
use crate::mistake::Mistake;

/// Checks one expression and notes the filters in it.
pub struct Checker<'a> {
    text: &'a str,
    pub scope: Scope<'a>,
    pub filters: Vec<FilterUse>,
}

type Typed = (Node, Type);

impl<'a> Checker<'a> {
    pub fn new(text: &'a str, scope: Scope<'a>) -> Self {
        Self { text, scope, filters: Vec::new() }
    }

    /// The node for a part of the expression; `beside` is the type of what it is compared or computed with.
    pub fn node(&mut self, formula: &Spanned<Formula>, beside: Option<Type>) -> Result<Typed, Mistake> {
        match &formula.node {
            Formula::Literal(literal) => formula_literal::value(literal, beside)
                .map(|(value, sort)| (Node::Constant(value), sort))
                .ok_or_else(|| self.no_value(formula)),
            Formula::Not(inner) => Ok((Node::Not(Box::new(self.truth(inner)?)), Type::Bool)),
            Formula::Negate(inner) => self.negate(inner),
            Formula::All(parts) => Ok((Node::All(self.truths(parts)?), Type::Bool)),
            Formula::Any(parts) => Ok((Node::Any(self.truths(parts)?), Type::Bool)),
            Formula::Arithmetic { first, rest } => self.arithmetic(first, rest),
            Formula::Chain { first, rest } => self.chain(first, rest),
            Formula::Within { value, negated, set } => self.within(value, *negated, set),
            Formula::Search { how, filter, rank } => self.search(*how, filter, rank.as_deref()),
            Formula::Pick { how, field, source } => self.pick(*how, field, source),
            Formula::Call { how, arguments } => self.call(*how, arguments, formula),
        }
    }

    fn truth(&mut self, formula: &Spanned<Formula>) -> Result<Node, Mistake> {
        match self.node(formula, Some(Type::Bool))? {
            (node, Type::Bool) => Ok(node),
            (_, sort) => Err(Mistake::new(formula.range.clone(), format!("expected true or false; this is {sort}"))),
        }
    }

    fn truths(&mut self, parts: &[Spanned<Formula>]) -> Result<Vec<Node>, Mistake> {
        parts.iter().map(|part| self.truth(part)).collect()
    }

    fn negate(&mut self, inner: &Spanned<Formula>) -> Result<Typed, Mistake> {
        match self.node(inner, Some(Type::Number))? {
            (node, Type::Number | Type::Frame) => Ok((Node::Negate(Box::new(node)), Type::Number)),
            (node, Type::Seconds) => Ok((Node::Negate(Box::new(node)), Type::Seconds)),
            (_, sort) => Err(Mistake::new(inner.range.clone(), format!("`-` needs a number; this is {sort}"))),
        }
    }

    fn arithmetic(
        &mut self,
        first: &Spanned<Formula>,
        rest: &[(Operator, Spanned<Formula>)],
    ) -> Result<Typed, Mistake> {
        let (first, mut sort) = self.node(first, Some(Type::Number))?;
        let mut nodes = Vec::with_capacity(rest.len());
        for (operator, part) in rest {
            let (node, other) = self.node(part, Some(Type::Number))?;
            sort = computed(sort, *operator, other).ok_or_else(|| {
                let message = format!("`{operator}` cannot join {sort} and {other}");
                let error = Mistake::new(part.range.clone(), message);
                if sort == Type::Seconds || other == Type::Seconds { error.help(UNIT) } else { error }
            })?;
            nodes.push((*operator, node));
        }
        Ok((Node::Arithmetic(Box::new(first), nodes), sort))
    }

    fn chain(&mut self, first: &Spanned<Formula>, rest: &[(Relation, Spanned<Formula>)]) -> Result<Typed, Mistake> {
        let operands: Vec<&Spanned<Formula>> =
            std::iter::once(first).chain(rest.iter().map(|(_, part)| part)).collect();
        let mut nodes = self.alike(&operands)?.into_iter();
        let Some((head, mut left)) = nodes.next() else { return Err(self.no_value(first)) };
        let mut pairs = Vec::with_capacity(rest.len());
        for ((relation, part), (node, right)) in rest.iter().zip(nodes) {
            let compare = comparison(*relation, left, right).map_err(|message| mismatch(part, message, left, right))?;
            pairs.push((compare, node));
            left = right;
        }
        Ok((Node::Chain(Box::new(head), pairs), Type::Bool))
    }

    fn within(&mut self, value: &Spanned<Formula>, negated: bool, set: &[Element]) -> Result<Typed, Mistake> {
        let ends = set.iter().flat_map(|(low, high)| std::iter::once(low).chain(high));
        let operands: Vec<&Spanned<Formula>> = std::iter::once(value).chain(ends).collect();
        let mut nodes = self.alike(&operands)?.into_iter();
        let Some((value, sort)) = nodes.next() else { return Err(self.no_value(value)) };
        let mut next = |part: &Spanned<Formula>, relation: Relation| {
            let (node, other) = nodes.next().ok_or_else(|| Mistake::new(part.range.clone(), "a value is missing"))?;
            comparison(relation, sort, other).map_err(|message| mismatch(part, message, sort, other))?;
            Ok(node)
        };
        let mut elements = Vec::with_capacity(set.len());
        for (low, high) in set {
            let relation = if high.is_some() { Relation::LessEqual } else { Relation::Equal };
            let low = next(low, relation)?;
            elements.push((low, high.as_ref().map(|high| next(high, relation)).transpose()?));
        }
        Ok((Node::Within { value: Box::new(value), negated, set: elements }, Type::Bool))
    }

    /// The nodes of what is compared with each other; literals take the type of the first that is none.
    fn alike(&mut self, operands: &[&Spanned<Formula>]) -> Result<Vec<Typed>, Mistake> {
        let mut nodes = Vec::with_capacity(operands.len());
        let mut beside = None;
        for operand in operands {
            let node = if is_literal(operand) { None } else { Some(self.node(operand, None)?) };
            beside = beside.or(node.as_ref().map(|(_, sort)| *sort));
            nodes.push(node);
        }
        let fill = |(node, operand): (Option<Typed>, &&Spanned<Formula>)| match node {
            Some(node) => Ok(node),
            None => self.node(operand, beside),
        };
        nodes.into_iter().zip(operands).map(fill).collect()
    }

    fn search(
        &mut self,
        how: Search,
        filter: &Spanned<Test>,
        rank: Option<&Spanned<Formula>>,
    ) -> Result<Typed, Mistake> {
        let plan = self.filter(filter, how.into(), None)?;
        let rank = rank.map(|rank| self.number(rank)).transpose()?;
        Ok(match (how, rank) {
            (Search::Count, _) => (Node::Count(plan), Type::Number),
            (Search::Last, _) => (Node::Last(plan), Type::Frame),
            (Search::Nth, Some(rank)) => (Node::Nth(plan, Box::new(rank)), Type::Frame),
            (Search::First | Search::Nth, _) => (Node::First(plan), Type::Frame),
        })
    }

    /// The plan of a filter; notes its text and whether Wireshark would take it.
    fn filter(
        &mut self,
        filter: &Spanned<Test>,
        aggregate: Aggregate,
        field: Option<&'static FieldDef>,
    ) -> Result<Plan, Mistake> {
        let mut own = self.scope.fresh();
        let plan = test::plan(&mut own, filter)?;
        let text = self.text.get(filter.range.clone()).unwrap_or_default().to_owned();
        self.filters.push(FilterUse { text, aggregate, field, only_wireshark: own.used.only_wireshark() });
        self.scope.used.join(&own.used);
        Ok(plan)
    }

    /// A number or a frame.
    fn number(&mut self, formula: &Spanned<Formula>) -> Result<Node, Mistake> {
        match self.node(formula, Some(Type::Number))? {
            (node, Type::Number | Type::Frame) => Ok(node),
            (_, sort) => {
                Err(Mistake::new(formula.range.clone(), format!("expected a frame or a number; this is {sort}")))
            }
        }
    }

    fn pick(&mut self, how: Pick, name: &Spanned<String>, source: &Source) -> Result<Typed, Mistake> {
        let field = self.scope.field(name)?;
        let adds = matches!(how, Pick::Sum | Pick::Min | Pick::Max);
        if adds && !matches!(field.kind, Kind::Uint(_) | Kind::Int(_) | Kind::Seconds) {
            let message = format!("{} needs numbers; {} holds {}", how.name(), field.name, Type::from(field.kind));
            return Err(Mistake::new(name.range.clone(), message));
        }
        let from = match source {
            Source::Everywhere => From::Everywhere,
            Source::Where(filter) => From::Where(self.filter(filter, how.into(), Some(field))?),
            Source::At(frame) => From::At(Box::new(self.number(frame)?)),
        };
        let sort = match how {
            Pick::Distinct => Type::Number,
            Pick::Values => Type::List,
            Pick::Sum | Pick::Min | Pick::Max | Pick::Value => field.kind.into(),
        };
        Ok((Node::Pick { how, field, from }, sort))
    }

    fn call(&mut self, how: Call, arguments: &[Spanned<Formula>], whole: &Spanned<Formula>) -> Result<Typed, Mistake> {
        match (how, arguments) {
            (Call::Time, [frame]) => Ok((Node::Time(Box::new(self.number(frame)?)), Type::Seconds)),
            (Call::Len, [of]) => Ok((Node::Len(Box::new(self.octets(of, how, true)?)), Type::Number)),
            (Call::Text, [of]) => Ok((Node::Text(Box::new(self.octets(of, how, false)?)), Type::Text)),
            (Call::Hex, [of]) => match self.node(of, None)? {
                (node, Type::Number | Type::Text | Type::Bytes | Type::Mac) => {
                    Ok((Node::Hex(Box::new(node)), Type::Text))
                }
                (_, sort) => Err(unfit(of, how, "a number, text or bytes", sort)),
            },
            (Call::Xor, [data, mask]) => {
                let (data, mask) = (self.octets(data, how, false)?, self.octets(mask, how, false)?);
                Ok((Node::Xor(Box::new(data), Box::new(mask)), Type::Bytes))
            }
            _ => {
                let takes = if how == Call::Xor { "two values" } else { "one value" };
                Err(Mistake::new(whole.range.clone(), format!("{} takes {takes}, not {}", how.name(), arguments.len())))
            }
        }
    }

    fn octets(&mut self, formula: &Spanned<Formula>, how: Call, list: bool) -> Result<Node, Mistake> {
        match self.node(formula, Some(Type::Bytes))? {
            (node, Type::Text | Type::Bytes | Type::Mac) => Ok(node),
            (node, Type::List) if list => Ok(node),
            (_, sort) => Err(unfit(formula, how, "text or bytes", sort)),
        }
    }

    /// The error for a word that is no value.
    fn no_value(&self, formula: &Spanned<Formula>) -> Mistake {
        let word = formula.node.to_string();
        let range = formula.range.clone();
        if word == "none" {
            return Mistake::new(range, "nothing is equal to none").help("write count(…) == 0");
        }
        if self.scope.lookup(&word).is_some() {
            let message = format!("`{word}` speaks of one frame, not of the capture");
            return Mistake::new(range, message)
                .help(format!("say how often: count({word}), or which value: value({word} where …)"));
        }
        let error = Mistake::new(range, format!("`{word}` is no value"));
        error.help("values are such as 42, 0.5, 20ms, \"text\", 0x5f9f, 5f:9f, 127.0.0.1, true")
    }
}

const UNIT: &str = "say the unit: 20ms, 1.5s, 300us";

fn is_literal(formula: &Spanned<Formula>) -> bool {
    match &formula.node {
        Formula::Literal(_) => true,
        Formula::Negate(inner) => is_literal(inner),
        _ => false,
    }
}

/// The type of `left operator right`, if it has a meaning.
fn computed(left: Type, operator: Operator, right: Type) -> Option<Type> {
    let plain = |sort| matches!(sort, Type::Number | Type::Frame);
    match (left, operator, right) {
        (left, _, right) if plain(left) && plain(right) => Some(Type::Number),
        (Type::Seconds, Operator::Add | Operator::Subtract, Type::Seconds) => Some(Type::Seconds),
        (Type::Seconds, Operator::Multiply | Operator::Divide, Type::Number) => Some(Type::Seconds),
        (Type::Number, Operator::Multiply, Type::Seconds) => Some(Type::Seconds),
        (Type::Number | Type::Seconds, Operator::Divide, Type::Seconds) => Some(Type::Number),
        _ => None,
    }
}

/// How the two are compared, if that has a meaning.
fn comparison(relation: Relation, left: Type, right: Type) -> Result<Compare, &'static str> {
    let octets = |sort| matches!(sort, Type::Text | Type::Bytes | Type::Mac);
    let plain = |sort| matches!(sort, Type::Number | Type::Frame);
    let order = match relation {
        Relation::Contains if octets(left) && octets(right) => return Ok(Compare::Contains),
        Relation::Contains => return Err("`contains` looks for text or bytes in text or bytes"),
        Relation::NotEqual | Relation::AnyNotEqual => Order::NotEqual,
        Relation::Less => Order::Less,
        Relation::LessEqual => Order::LessEqual,
        Relation::Greater => Order::Greater,
        Relation::GreaterEqual => Order::GreaterEqual,
        Relation::Equal | Relation::AllEqual | Relation::Matches => Order::Equal,
    };
    if left == Type::List || right == Type::List {
        return Err("a list is only for reading; distinct(…) counts it");
    }
    if left == Type::Bool && right == Type::Bool && !matches!(order, Order::Equal | Order::NotEqual) {
        return Err("neither of true and false is the greater");
    }
    let comparable = left == right || (octets(left) && octets(right)) || (plain(left) && plain(right));
    if comparable { Ok(Compare::Order(order)) } else { Err("") }
}

fn mismatch(part: &Spanned<Formula>, message: &str, left: Type, right: Type) -> Mistake {
    let range = part.range.clone();
    if !message.is_empty() {
        return Mistake::new(range, message);
    }
    let error = Mistake::new(range, format!("{left} cannot be compared with {right}"));
    match (left, right) {
        (Type::Seconds, Type::Number) | (Type::Number, Type::Seconds) => error.help(UNIT),
        _ => error,
    }
}

fn unfit(formula: &Spanned<Formula>, how: Call, needs: &str, sort: Type) -> Mistake {
    Mistake::new(formula.range.clone(), format!("{} needs {needs}; this is {sort}", how.name()))
}
