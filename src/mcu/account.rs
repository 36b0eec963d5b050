//! Whether an account is written as its interface needs it, before anything is sent. Shows no secret.

use super::janus::account::Secrets;
use super::kedacom;
use super::snmp::login::SnmpLogin;
use super::trust::Login;
use crate::domain::lang::Text;
use crate::domain::mcu::Interface;

/// Holds an account against its interface.
///
/// # Errors
/// How it must be written.
pub fn fits(interface: Interface, login: &Login) -> Result<(), Text> {
    let one_line = !login.secret.contains(['\n', '\r']);
    let fits = match interface {
        Interface::Janus => Secrets::read(&login.secret).is_ok(),
        Interface::Snmp => SnmpLogin::read(login).is_ok(),
        Interface::Kedacom => kedacom::account(login).is_some(),
        Interface::Pexip
        | Interface::Cms
        | Interface::Smc3
        | Interface::Rmx
        | Interface::Zte
        | Interface::Te
        | Interface::Roomos => one_line && !login.user.is_empty(),
        Interface::Sip | Interface::SipRtpengine | Interface::Prometheus | Interface::Json => one_line,
    };
    if fits { Ok(()) } else { Err(needs(interface)) }
}

fn needs(interface: Interface) -> Text {
    match interface {
        Interface::Janus => Text::new(
            "首行写 admin_secret；其后只可有 `api 口令` 与 `room 口令` 两种行，各至多一行；不写用户名",
            "write admin_secret on the first line, below it at most one line `api SECRET` and one `room SECRET`; no user",
        ),
        Interface::Snmp => Text::new(
            "v2c 不写用户名，文件为团体名；v3 写用户名，文件为 `口令`、`口令 口令`、`算法 口令` 或 `算法 口令 算法 口令`，每个口令至少 8 个字符",
            "for v2c give no user, and the community; for v3 a user, and `PASSWORD`, `PASSWORD PASSWORD`, `DIGEST PASSWORD` or `DIGEST PASSWORD CIPHER PASSWORD`, each password of eight characters at least",
        ),
        Interface::Kedacom => Text::new(
            "用户名写 KEY/USER；文件两行：KEY 的口令、USER 的口令",
            "give KEY/USER as the user, and two lines: the secret of KEY, the password of USER",
        ),
        Interface::Pexip
        | Interface::Cms
        | Interface::Smc3
        | Interface::Rmx
        | Interface::Zte
        | Interface::Te
        | Interface::Roomos => Text::new("写用户名；口令只有一行", "give a user, and a password of one line"),
        Interface::Sip | Interface::SipRtpengine | Interface::Prometheus | Interface::Json => {
            Text::new("口令只有一行", "give a secret of one line")
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn each_interface_has_its_own_form() {
        for (interface, user, secret, is_fit) in [
            (Interface::Janus, "", "geheim", true),
            (Interface::Janus, "", "geheim\napi x\nroom y", true),
            (Interface::Janus, "", "geheim\nx", false),
            (Interface::Snmp, "", "public", true),
            (Interface::Snmp, "watch", "geheim-eins geheim-zwei", true),
            (Interface::Snmp, "watch", "kurz", false),
            (Interface::Kedacom, "key/user", "geheim\nword", true),
            (Interface::Kedacom, "user", "geheim\nword", false),
            (Interface::Kedacom, "key/user", "geheim", false),
            (Interface::Kedacom, "key/user", "geheim\n", false),
            (Interface::Kedacom, "key/user", "a\nb\nc", false),
            (Interface::Pexip, "admin", "geheim", true),
            (Interface::Pexip, "", "geheim", false),
            (Interface::Te, "admin", "geheim\nword", false),
            (Interface::Json, "", "token", true),
            (Interface::Prometheus, "", "a\nb", false),
        ] {
            let login = Login { user: user.into(), secret: Zeroizing::new(secret.into()) };
            let found = fits(interface, &login);
            assert_eq!(found.is_ok(), is_fit, "{interface} {user:?} {secret:?}");
            assert!(found.is_ok() || !format!("{found:?}").contains("geheim"));
        }
    }
}
