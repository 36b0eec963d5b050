//! The secrets of one Janus as they stand in one file. Shows none of them.
//!
//! The admin secret stands alone on the first line, and below it, where Janus has them, `api SECRET` for its session
//! interface and `room SECRET` for its rooms.

use std::fmt;

use zeroize::Zeroizing;

use crate::mcu::fault::Fault;

/// What was read.
pub struct Secrets {
    /// The admin secret.
    pub admin: Zeroizing<String>,
    /// The API secret.
    pub api: Option<Zeroizing<String>>,
    /// The secret of the rooms.
    pub room: Option<Zeroizing<String>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Reads the lines of an account.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let mut lines = text.lines().map(str::trim);
        let admin = secret(lines.next().unwrap_or_default());
        let mut found = Self { admin, api: None, room: None };
        for (n, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
            let place = match line.split_once(' ') {
                Some(("api", _)) => &mut found.api,
                Some(("room", _)) => &mut found.room,
                // The line may be a secret: it is not repeated.
                Some(_) | None => return Err(odd(n + 2)),
            };
            if place.replace(secret(line.split_once(' ').map_or("", |(_, rest)| rest.trim()))).is_some() {
                return Err(odd(n + 2));
            }
        }
        Ok(found)
    }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn odd(line: usize) -> Fault {
    Fault::Ours(format!(
        "line {line} of the account of a Janus is neither `api SECRET` nor `room SECRET`, or comes twice"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_an_admin_secret_and_others_by_their_names() {
        let read = |text: &str| {
            let found = Secrets::read(text).ok()?;
            let text = |secret: Option<Zeroizing<String>>| secret.map(|secret| secret.to_string());
            Some((found.admin.to_string(), text(found.api), text(found.room)))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("a b"), Some(("a b".into(), None, None)));
        assert_eq!(read("a\n\nroom r 1\napi x\n"), Some(("a".into(), some("x"), some("r 1"))));
        assert_eq!(read(""), Some((String::new(), None, None)));
        for bad in ["a\nb", "a\nroom r\nroom s", "a\nadmin x"] {
            assert!(read(bad).is_none(), "{bad}");
        }
        let shown = Secrets::read("a\ngeheim").err().unwrap().to_string();
        assert!(shown.contains("line 2") && !shown.contains("geheim"), "{shown}");
    }
}
