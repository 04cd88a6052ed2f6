//! The name that was probably meant.

use crate::filter::ast::Spanned;
use crate::filter::error::FilterError;
use crate::filter::records::Names;

/// No name is longer; what is, is not compared.
const MAX_NAME: usize = 80;

/// The error for a name that nobody knows, with the nearest that is known.
pub(super) fn unknown(names: &dyn Names, name: &Spanned<String>) -> FilterError {
    let error = FilterError::new(name.range.clone(), format!("`{}` is neither a field nor a protocol", name.node));
    match nearest(names, &name.node) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// A name of the same protocol that ends alike (`tcp.syn` → `tcp.flags.syn`), or else the one with the fewest
/// differences, if they are few.
pub(super) fn nearest(names: &dyn Names, name: &str) -> Option<&'static str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let name = name.to_lowercase();
    let all = names.all();
    if let Some(known) = all.iter().find(|known| ends_alike(&name, known)) {
        return Some(known);
    }
    let (differences, known) = all.into_iter().map(|known| (distance(&name, known), known)).min()?;
    (differences <= name.len() / 4 + 1 && differences < name.len()).then_some(known)
}

fn ends_alike(name: &str, known: &str) -> bool {
    let (Some((protocol, _)), Some((_, last))) = (name.split_once('.'), name.rsplit_once('.')) else { return false };
    let known_ends = known.split_once('.').zip(known.rsplit_once('.'));
    known_ends.is_some_and(|((known_protocol, _), (_, known_last))| known_protocol == protocol && known_last == last)
}

/// How many letters must be added, dropped or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let cost = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            left = cost;
        }
        if let Some(cell) = row.get_mut(to.len()) {
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn counts_differences() {
        assert_eq!(distance("tcp.prot", "tcp.port"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("http", "http"), 0);
    }
}
