//! Text with numbers from the capture: `{{ count(http.request) }}`.

use super::{Proof, ToldText};
use crate::filter::{Expr, Names};
use crate::mistake::Mistake;

/// Markdown in which expressions stand for what the capture says.
#[derive(Debug, Clone, Default)]
pub struct Text {
    pub(super) pieces: Vec<Piece>,
}

/// A stretch of a text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Plain(String),
    Value(Box<Proof>),
}

/// More expressions than this in one text are refused.
const MAX_VALUES: usize = 200;

impl Text {
    /// Reads `raw`, which stands at `offset` in the file, on `line`.
    pub(super) fn parse(raw: &str, offset: usize, line: usize, names: &dyn Names) -> Result<Self, Mistake> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(open) = raw[at..].find("{{").map(|i| at + i) {
            let inside = open + 2;
            let Some(close) = raw[inside..].find("}}").map(|i| inside + i) else {
                let error = Mistake::new(offset + open..offset + inside, "`{{` without the `}}` that ends it");
                return Err(error.help("write an expression between them: {{ count(http.request) }}"));
            };
            pieces.push(Piece::Plain(raw[at..open].to_owned()));
            let expr = expression(&raw[inside..close], offset + inside, names)?;
            let line = line + raw[..open].matches('\n').count();
            pieces.push(Piece::Value(Box::new(Proof { expr, line })));
            at = close + 2;
        }
        pieces.push(Piece::Plain(raw[at..].to_owned()));
        if pieces.len() > 2 * MAX_VALUES {
            let error =
                Mistake::new(offset..offset + raw.len(), format!("more than {MAX_VALUES} expressions in one text"));
            return Err(error.help("divide the text"));
        }
        Ok(Self { pieces })
    }

    /// The expressions in it.
    pub fn values(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(value) => Some(&value.expr),
            Piece::Plain(_) => None,
        })
    }

    /// Whether there is nothing in it.
    pub fn is_blank(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Plain(text) if text.trim().is_empty()))
    }

    /// The text for showing it before a run, when there is no capture yet: each expression is an ellipsis.
    pub fn before_run(&self) -> ToldText {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Value(_) => "…".to_owned(),
        };
        ToldText { markdown: self.pieces.iter().map(piece).collect(), ..ToldText::default() }
    }
}

/// Reads an expression that stands at `offset` in the file.
pub(super) fn expression(raw: &str, offset: usize, names: &dyn Names) -> Result<Expr, Mistake> {
    Expr::parse(raw, names).map_err(|mistake| mistake.moved(offset))
}

/// Reads an expression that is true or false.
pub(super) fn proof(raw: &str, offset: usize, names: &dyn Names) -> Result<Expr, Mistake> {
    Expr::parse_claim(raw, names).map_err(|mistake| mistake.moved(offset))
}
