//! A comparison as a page of its own: everything in one file of HTML, for reading and for printing.

use super::compare::{by_layer, taken, times};
use super::plot::Plot;
use crate::explain::Comparison;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#222}\
    h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:.9rem}\
    td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ccc}td:first-child,th:first-child{text-align:left}\
    svg{max-width:100%;height:auto}figure{margin:1rem 0;break-inside:avoid}p.note{color:#555;font-size:.9rem}\
    @media print{body{margin:0;max-width:none}}";

/// The page.
pub fn report(compared: &Comparison, plots: &[Plot]) -> String {
    let what = format!("{}; {}", compared.what(), compared.place);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>What each transport costs</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
         <h1>What each transport costs</h1>\n<p>{}</p>\n<h2>What each took</h2>\n",
        escaped(&what)
    );
    let (head, rows) = taken(compared);
    page.push_str(&table(&head, &rows));
    let (head, rows) = times(compared);
    page.push_str("<h2>How long it took, in milliseconds</h2>\n");
    page.push_str(&table(&head, &rows));
    let (head, rows) = by_layer(compared);
    page.push_str("<h2>Octets by layer</h2>\n");
    page.push_str(&table(&head, &rows));
    for plot in plots {
        page.push_str(&format!("<figure>{}</figure>\n", plot.svg));
    }
    page.push_str(
        "<p class=\"note\">Every octet of every frame has one owner, so the layers add up to the frames (✓). Latency is from the \
         call that sends to the call that has received, as both programs noted it; held open is how many TCP connections were open on average. Recorded by wiretale in a network of its \
         own; with <code>--save</code> the captures are kept, and any other tool can count them again.</p>\n</body></html>\n",
    );
    page
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
        cells.map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
    };
    let body: String =
        rows.iter().map(|row| format!("<tr>{}</tr>\n", cells("td", &mut row.iter().map(String::as_str)))).collect();
    format!(
        "<table><thead><tr>{}</tr></thead><tbody>\n{body}</tbody></table>\n",
        cells("th", &mut head.iter().copied())
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
