//! What stands in the files that the settings of devices name: secrets, authorities, mappings. Looked at before
//! anything starts, so that a file with a mistake refuses the start and not, hours later, one device.

use std::path::Path;

use super::devices::{DeviceCredential, DevicesSettings, authorities};
use super::mapping;
use crate::domain::lang::Text;
use crate::domain::problem::Problem;
use crate::intake::mistake::Mistake;
use crate::mcu::account;

impl DevicesSettings {
    /// Every file that holds nothing useful, by the name of the field that names it.
    pub(super) fn unfit_files(&self) -> Vec<(&'static str, Mistake)> {
        let secrets = self.credentials.iter().filter_map(|it| {
            let mistake = self.unfit_account(it)?;
            Some(("devices.credentials.secret_file", mistake))
        });
        let trusted = self.trust.iter().filter_map(|it| {
            let path = it.ca.as_ref()?;
            let why = authorities(path).err()?;
            Some(("devices.trust.ca", no_authority(path, &why.to_string())))
        });
        secrets.chain(trusted).collect()
    }

    /// What is wrong with an account, if anything is.
    fn unfit_account(&self, it: &DeviceCredential) -> Option<Mistake> {
        let path = &it.secret_file;
        let Ok(login) = self.login(&it.name)? else { return Some(no_text(path)) };
        if login.secret.trim().is_empty() {
            return Some(no_secret(path));
        }
        let unprintable = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if login.secret.contains(unprintable) {
            return Some(no_text(path));
        }
        let needs = account::fits(it.interface?, &login).err()?;
        Some(other_form(it, needs))
    }

    /// Every mistake in the mapping files, each in its own file.
    pub(super) fn bad_mappings(&self) -> Vec<Problem> {
        self.mappings.iter().filter_map(|it| mapping::load(&it.file).err()).flatten().collect()
    }
}

fn no_secret(path: &Path) -> Mistake {
    let path = path.display();
    Mistake::new(
        "no_secret",
        Text::new(format!("{path} 里没有口令"), format!("{path} holds no secret")),
        Text::new("把口令写进去", "write the secret into it"),
    )
}

fn no_text(path: &Path) -> Mistake {
    let path = path.display();
    Mistake::new(
        "secret_not_text",
        Text::new(format!("{path} 里有不是文字的字节"), format!("{path} holds bytes that are no text")),
        Text::new("重写为 UTF-8 文本，只含口令", "write it anew as UTF-8 text that is only the secret"),
    )
}

fn other_form(it: &DeviceCredential, needs: Text) -> Mistake {
    let interface = it.interface.map(|interface| interface.to_string()).unwrap_or_default();
    let name = &it.name;
    Mistake::new(
        "account_form",
        Text::new(
            format!("账号 {name} 不是接口 {interface} 的写法"),
            format!("the account {name} is not written as the interface {interface} needs it"),
        ),
        needs,
    )
}

fn no_authority(path: &Path, why: &str) -> Mistake {
    let path = path.display();
    Mistake::new(
        "no_authority",
        Text::new(
            format!("{path} 里没有可用的 CA 证书（{why}）"),
            format!("{path} holds no certificate of an authority ({why})"),
        ),
        Text::new("换成 PEM 格式的 CA 证书", "give the authority's certificate as PEM"),
    )
}
