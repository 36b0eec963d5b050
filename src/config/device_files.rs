//! What stands in the files that the settings of devices name: secrets, authorities, mappings. Looked at before
//! anything starts, so that a file with a mistake refuses the start and not, hours later, one device.

use std::path::Path;

use super::devices::{DevicesSettings, authorities};
use super::mapping;
use crate::domain::lang::Text;
use crate::domain::problem::Problem;
use crate::intake::mistake::Mistake;

impl DevicesSettings {
    /// Every file that holds nothing useful, by the name of the field that names it.
    pub(super) fn unfit_files(&self) -> Vec<(&'static str, Mistake)> {
        let secrets = self.credentials.iter().filter_map(|it| {
            let login = self.login(&it.name)?.ok()?;
            login
                .secret
                .trim()
                .is_empty()
                .then(|| ("devices.credentials.secret_file", no_secret(&it.secret_file)))
        });
        let trusted = self.trust.iter().filter_map(|it| {
            let path = it.ca.as_ref()?;
            let why = authorities(path).err()?;
            Some(("devices.trust.ca", no_authority(path, &why.to_string())))
        });
        secrets.chain(trusted).collect()
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
