//! Weighted lists such as `Accept-Language` (RFC 9110, section 12.4.2).

use axum::http::{HeaderMap, HeaderName};

/// The elements of a list, each with its weight in thousandths; `None` if that is malformed.
pub(crate) fn weighed<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'h str, Option<u16>)> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(element)
}

fn element(text: &str) -> (&str, Option<u16>) {
    let mut parts = text.split(';').map(str::trim);
    let element = parts.next().unwrap_or_default();
    let weight =
        parts.find_map(|part| part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("q")));
    (element, weight.map_or(Some(1000), |(_, weight)| thousandths(weight)))
}

fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{whole}{fraction:0<3}").parse().ok()?;
    let fits =
        whole.len() == 1 && fraction.len() <= 3 && digits(whole) && digits(fraction) && thousandths <= 1000;
    fits.then_some(thousandths)
}
