//! The name that was probably meant.

use crate::filter::ast::Spanned;
use crate::filter::records::Names;
use crate::mistake;
use crate::mistake::Mistake;

/// The error for a name that nobody knows, with the nearest that is known, or else where all are listed.
pub(super) fn unknown(names: &dyn Names, name: &Spanned<String>) -> Mistake {
    let error = Mistake::new(name.range.clone(), format!("`{}` is neither a field nor a protocol", name.node));
    match nearest(names, &name.node) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`wiretale fields` lists them"),
    }
}

/// A name of the same protocol that ends alike (`tcp.syn` → `tcp.flags.syn`), or else the one with the fewest
/// differences, if they are few.
pub(super) fn nearest(names: &dyn Names, name: &str) -> Option<&'static str> {
    let all = names.all();
    let lower = name.to_lowercase();
    all.iter().copied().find(|known| ends_alike(&lower, known)).or_else(|| mistake::nearest(name, all))
}

fn ends_alike(name: &str, known: &str) -> bool {
    let (Some((protocol, _)), Some((_, last))) = (name.split_once('.'), name.rsplit_once('.')) else { return false };
    let known_ends = known.split_once('.').zip(known.rsplit_once('.'));
    known_ends.is_some_and(|((known_protocol, _), (_, known_last))| known_protocol == protocol && known_last == last)
}
