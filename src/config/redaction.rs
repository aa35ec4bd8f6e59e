//! Passwords are removed from whatever is printed.

/// Replaces the passwords of database addresses in a text.
#[must_use]
pub fn redacted(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(redacted_word).collect()
}

fn redacted_word(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://").filter(|(scheme, _)| scheme.contains("postgres"))
    else {
        return word.to_owned();
    };
    // A password may hold any separator, so everything from the first colon to the last @ is removed.
    let rest = match rest.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{user}:***@{host}"),
        None => rest.to_owned(),
    };
    let Some((rest, query)) = rest.split_once('?') else { return format!("{scheme}://{rest}") };
    let hidden = |pair: &str| if pair.contains("password") { "password=***" } else { pair }.to_owned();
    let query: Vec<String> = query.split('&').map(hidden).collect();
    format!("{scheme}://{rest}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_struck_out_wherever_it_stands() {
        for (text, shown) in [
            ("cannot use `postgres://me:pw@host:1/db`", "cannot use `postgres://me:***@host:1/db`"),
            ("'postgresql://me:p@w/x@host/db' found", "'postgresql://me:***@host/db' found"),
            ("postgres://host/db?user=me&password=pw", "postgres://host/db?user=me&password=***"),
            ("postgres://USER@HOST/DATABASE", "postgres://USER@HOST/DATABASE"),
            ("http://127.0.0.1:8080/healthz", "http://127.0.0.1:8080/healthz"),
            ("a line\nand another", "a line\nand another"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
