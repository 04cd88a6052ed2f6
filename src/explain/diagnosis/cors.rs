//! Answers that a browser keeps from the page that asked, as that page comes from elsewhere.
//!
//! # References
//! - Fetch, "CORS check", "CORS-preflight fetch" (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use super::exchange::Exchange;
use super::{Case, Finding, quoted, together};
use crate::layer::Severity;
use crate::trace::Trace;

/// What may be asked without a preflight.
const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    together(case.exchanges.iter().filter_map(|exchange| finding(case.trace, exchange)))
}

/// Whether a request asks whether another may be sent, and is told that it may not: then its status is no news.
pub(super) fn is_failed_preflight(trace: &Trace, exchange: &Exchange<'_>) -> bool {
    exchange.method == "OPTIONS" && finding(trace, exchange).is_some_and(|found| found.severity >= Severity::Warn)
}

fn finding(trace: &Trace, exchange: &Exchange<'_>) -> Option<Finding> {
    let (origin, host) = (exchange.asks(trace, "origin")?, exchange.asks(trace, "host")?);
    // Of a head that is cut short nobody knows what it says.
    let answer = exchange.answer.filter(|answer| super::exchange::has_head(answer))?;
    if is_exempt(trace, exchange) || is_same_place(&origin, &host) {
        return None;
    }
    let why = not_allowed(trace, exchange, &origin).or_else(|| fails_preflight(trace, exchange));
    let frames = vec![exchange.request.frame(), answer.frame()];
    let Some(why) = why else { return doubtful(trace, exchange, frames) };
    let (what, keeps) = match asked_for(trace, exchange) {
        Some(method) => {
            let what = format!("the answer to the preflight of {} {}", quoted(&method), quoted(exchange.path()));
            (what, format!("a browser does not send what a page of {} asks for", quoted(&origin)))
        }
        None => {
            let what = format!("the answer to {} {}", exchange.method, quoted(exchange.path()));
            (what, format!("a browser does not let a page of {} read it", quoted(&origin)))
        }
    };
    Some(Finding::warn(format!("{what} {why}: {keeps} (CORS)"), "Fetch, CORS check", frames))
}

/// A WebSocket is not kept from anyone that way, nor what comes from the same place, nor where a page is opened. A 304 has what
/// its first answer had, and behind a proxy the host is another.
fn is_exempt(trace: &Trace, exchange: &Exchange<'_>) -> bool {
    let says = |name: &str| exchange.asks(trace, name);
    let is_one_of = |name: &str, values: &[&str]| says(name).is_some_and(|value| values.contains(&value.as_str()));
    says("sec-websocket-key").is_some()
        || exchange.status == Some(304)
        || is_one_of("sec-fetch-site", &["same-origin", "none"])
        || is_one_of("sec-fetch-mode", &["navigate", "no-cors", "same-origin", "websocket"])
        || says("x-forwarded-host").is_some()
        || says("forwarded").is_some()
}

/// The method that a preflight asks for.
fn asked_for(trace: &Trace, exchange: &Exchange<'_>) -> Option<String> {
    exchange.asks(trace, "access-control-request-method").filter(|_| exchange.method == "OPTIONS")
}

/// Why an answer fails the CORS check.
fn not_allowed(trace: &Trace, exchange: &Exchange<'_>, origin: &str) -> Option<String> {
    const NAME: &str = "access-control-allow-origin";
    let all = exchange.says_all(trace, NAME);
    let [allowed] = all.as_slice() else {
        // "Let origin be the result of getting `Access-Control-Allow-Origin`": several are one value with a comma in it.
        return Some(match all.len() {
            0 => "allows no other origin".to_owned(),
            times => format!("has Access-Control-Allow-Origin {times} times, and only one may stand there"),
        });
    };
    let credentials = credentials(trace, exchange);
    match allowed.as_str() {
        "*" => credentials.map(|what| {
            format!("allows every origin (*), which counts for no request with credentials, and this one has {what}")
        }),
        allowed if allowed == origin => {
            let allows = exchange.says(trace, "access-control-allow-credentials");
            let what = credentials.filter(|_| allows.as_deref() != Some("true"))?;
            Some(format!("has no Access-Control-Allow-Credentials: true, and the request has {what}"))
        }
        several if several.contains(',') => Some(format!(
            "has several values in Access-Control-Allow-Origin ({}), and one may stand there",
            quoted(several)
        )),
        allowed => Some(format!("allows {} only", quoted(allowed))),
    }
}

/// What a browser sends to another place only where a page asks with credentials. `Authorization` with a name or a token a page
/// may write itself, without.
fn credentials(trace: &Trace, exchange: &Exchange<'_>) -> Option<&'static str> {
    if exchange.asks(trace, "cookie").is_some() {
        return Some("a Cookie");
    }
    let authorization = exchange.asks(trace, "authorization")?;
    let scheme = authorization.split(' ').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*scheme, "digest" | "negotiate" | "ntlm").then_some("Authorization by the browser itself")
}

/// Why an answer to a preflight does not allow what is to be asked.
fn fails_preflight(trace: &Trace, exchange: &Exchange<'_>) -> Option<String> {
    let method = asked_for(trace, exchange)?;
    let status = exchange.status?;
    if !(200..300).contains(&status) {
        return Some(format!("has the status {status}, and must have one of 200 to 299"));
    }
    // Whether the request will have credentials, where * stands for nothing but itself, is not in its preflight.
    let methods = exchange.says_all(trace, "access-control-allow-methods");
    if !SAFE_METHODS.contains(&&*method) && !members(&methods).any(|one| one == method || one == "*") {
        return Some(match methods.is_empty() {
            true => format!("has no Access-Control-Allow-Methods, which must name {}", quoted(&method)),
            false => format!(
                "allows the methods {} (Access-Control-Allow-Methods), and not {}",
                quoted(&methods.join(", ")),
                quoted(&method)
            ),
        });
    }
    let asks = exchange.asks_all(trace, "access-control-request-headers");
    let names = exchange.says_all(trace, "access-control-allow-headers");
    let allowed: std::collections::HashSet<String> = members(&names).map(str::to_ascii_lowercase).collect();
    let allows = |name: &str| {
        let name = name.to_ascii_lowercase();
        allowed.contains(&name) || (allowed.contains("*") && name != "authorization")
    };
    let missing: Vec<&str> = members(&asks).filter(|name| !name.is_empty() && !allows(name)).collect();
    (!missing.is_empty()).then(|| {
        format!("does not allow the header fields {} (Access-Control-Allow-Headers)", quoted(&missing.join(", ")))
    })
}

/// What lets a page read an answer as it was asked for, and would not otherwise.
fn doubtful(trace: &Trace, exchange: &Exchange<'_>, frames: Vec<u32>) -> Option<Finding> {
    let says = |name: &str| exchange.says(trace, name);
    let allows_all = says("access-control-allow-origin").as_deref() == Some("*");
    if !allows_all || says("access-control-allow-credentials").as_deref() != Some("true") {
        return None;
    }
    let text = format!(
        "the answer to {} {} allows every origin (*) and credentials: a browser takes the two together for no \
         permission, so a page that asks with credentials may not read it (CORS)",
        exchange.method,
        quoted(exchange.path())
    );
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "Fetch, CORS check", frames) })
}

fn members(values: &[String]) -> impl Iterator<Item = &str> {
    values.iter().flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether an origin is that of a host: without regard to case, and to a port that goes without saying.
fn is_same_place(origin: &str, host: &str) -> bool {
    let Some((scheme, place)) = origin.split_once("://") else { return true };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |place: &str| place.strip_suffix(port).unwrap_or(place).to_ascii_lowercase();
    bare(place) == bare(host)
}
