//! Process settings: the shipped files, the manual, reload, and one small bad file per mistake.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use vcops::config::controller::Broker;
use vcops::config::value::LogLevel;
use vcops::config::{self, manual};
use vcops::domain::lang::Lang;
use vcops::domain::problem::Problem;
use vcops::domain::time::Utc;
use vcops::intake;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(problems: Vec<Problem>) -> String {
    intake::lines(&problems, Lang::Zh)
}

#[test]
fn the_shipped_settings_load_and_are_the_defaults() {
    let shipped = config::load_controller(&root().join("config/vcops.toml")).map_err(text).unwrap();
    assert_eq!(shipped, config::read_controller("empty", "").map_err(text).unwrap());
    assert!(matches!(shipped.broker, Broker::Embedded(_)));
    let shipped = config::load_agent(&root().join("config/agent.toml")).map_err(text).unwrap();
    let least =
        "controller.enrol = \"vcops.example:8444\"\nreflector.allow = [\"10.43.0.1\", \"10.44.0.1\"]\n";
    assert_eq!(shipped, config::read_agent("least", least).map_err(text).unwrap());
}

#[test]
fn the_shipped_files_show_every_setting() {
    for (file, name) in manual::names() {
        let text = fs::read_to_string(root().join("config").join(file)).unwrap();
        let field = name.rsplit('.').next().unwrap();
        let shown = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{field} = "));
        let in_table = field == "days" || field == "date" || field == "from" || field == "until";
        assert!(in_table || text.lines().any(shown), "{file} does not show {name}");
    }
}

/// `UPDATE=1` writes the page anew.
#[test]
fn the_manual_is_what_the_doc_comments_say() {
    let path = root().join("docs/CONFIG.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, manual::page()).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(page, manual::page(), "docs/CONFIG.md is behind src/config: run this test with UPDATE=1");
}

fn outcome(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let file_text = fs::read_to_string(path).unwrap();
    let problems = if name.starts_with("agent_") {
        config::read_agent(name, &file_text).map(|_| ())
    } else {
        config::read_controller(name, &file_text).map(|_| ())
    };
    let mut shown = String::new();
    for problem in problems.err().unwrap_or_default() {
        let (zh, en) = (intake::line(&problem, Lang::Zh), intake::line(&problem, Lang::En));
        writeln!(shown, "{zh}\n{en}").unwrap();
    }
    shown
}

/// One small file per mistake beside its exact messages; `UPDATE=1` writes them anew, to be read before committing.
#[test]
fn each_mistake_has_its_exact_message() {
    let folder = fs::read_dir(root().join("tests/data/config")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    assert!(files.len() >= 10, "only {} examples", files.len());
    for path in files {
        let expected = path.with_extension("toml.expected");
        let outcome = outcome(&path);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &outcome).unwrap();
        }
        assert_ne!(outcome, "", "{} is accepted", path.display());
        assert_eq!(outcome, fs::read_to_string(&expected).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn a_named_file_that_is_not_there_is_found_at_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vcops.toml");
    fs::write(
        &path,
        "[web]\nlisten = \"0.0.0.0:443\"\ncertificate = \"/nowhere/a.crt\"\nkey = \"/nowhere/a.key\"\n",
    )
    .unwrap();
    let problems = config::load_controller(&path).unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.at.line, problem.code.as_ref())).collect();
    assert_eq!(found, [(3, "config.no_file"), (4, "config.no_file")]);
    let missing = config::load_controller(&folder.path().join("absent.toml")).unwrap_err();
    assert_eq!(missing[0].code, "config.unreadable");
}

/// Bad files that the settings name, each with its exact message: the start is refused, not hours later one device.
#[test]
fn a_named_file_that_holds_nothing_useful_is_found_at_load() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    put("empty.secret", "\n");
    put("short.secret", "sha1 kurz aes geheim-zwei\n");
    put("lines.secret", "geheim\nwas\n");
    fs::write(folder.path().join("bytes.secret"), b"geheim\xff\n").unwrap();
    put("ca.pem", "not a certificate\n");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    put("broken.pem", broken);
    put(
        "room.toml",
        "interface = \"snmp\"\n[[reading]]\nname = \"room_temperature_c\"\nobject = \"1.3.x\"\n",
    );
    let path = |name: &str| folder.path().join(name).display().to_string();
    let load = |text: String| {
        put("vcops.toml", &text);
        let problems = config::load_controller(&folder.path().join("vcops.toml")).unwrap_err();
        intake::lines(&problems, Lang::En).replace(&format!("{}/", folder.path().display()), "")
    };
    let account = |name: &str, more: &str| {
        let file = path(&format!("{name}.secret"));
        format!("[[devices.credentials]]\nname = {name:?}\nsecret_file = {file:?}\n{more}\n")
    };
    let accounts = account("short", "user = \"watch\"\ninterface = \"snmp\"")
        + &account("lines", "interface = \"janus\"")
        + &account("bytes", "");
    let both = format!(
        "[[devices.credentials]]\nname = \"a\"\nsecret_file = {:?}\n\
         [[devices.trust]]\naddress = \"10.0.0.1\"\nca = {:?}\n\
         [[devices.trust]]\naddress = \"10.0.0.2\"\nca = {:?}\n",
        path("empty.secret"),
        path("ca.pem"),
        path("broken.pem")
    );
    let mapping = format!("[[devices.mappings]]\nname = \"room\"\nfile = {:?}\n", path("room.toml"));
    let found = load(both) + &load(accounts) + &load(mapping);
    let expected = root().join("tests/data/config/device_files.expected");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(expected).unwrap_or_default());
}

#[test]
fn a_reload_keeps_the_old_settings_when_the_new_are_bad() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vcops.toml");
    fs::write(&path, "").unwrap();
    let old = config::load_controller(&path).map_err(text).unwrap();
    fs::write(&path, "[log]\nlevel = \"loud\"\n").unwrap();
    assert_eq!(config::reload_controller(&old, &path).unwrap_err()[0].code, "config.unknown_word");
    let new = "[log]\nlevel = \"debug\"\n[web]\nlisten = \"127.0.0.1:9000\"\n[broker.external]\nurl = \"mqtt://localhost\"\n";
    fs::write(&path, new).unwrap();
    let reloaded = config::reload_controller(&old, &path).map_err(text).unwrap();
    assert_eq!(reloaded.settings.log.level, LogLevel::Debug);
    assert_eq!(reloaded.needs_restart, ["web.listen", "broker"]);
}

#[test]
fn an_agent_knows_its_no_test_periods() {
    let settings = "controller.enrol = \"a.example:1\"\nreflector.allow = [\"10.0.0.1\"]\n\
                    tests.no_test = [{ days = [\"周一\"], from = \"12:00\", until = 14:00:00 }]\n";
    let settings = config::read_agent("agent.toml", settings).map_err(text).unwrap();
    let at = |text: &str| settings.no_test_at(Utc::parse(text).unwrap());
    assert!(at("2026-11-23T12:30:00+08:00"));
    assert!(!at("2026-11-24T12:30:00+08:00"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), line in any::<Index>(), put in "[ -~\n]{0,12}") {
        let shipped = fs::read_to_string(root().join("config/vcops.toml")).unwrap();
        let at = line.index(shipped.len());
        let at = (0..=at).rev().find(|at| shipped.is_char_boundary(*at)).unwrap();
        let damaged = format!("{}{put}{}", &shipped[..at], &shipped[at..]);
        for text in [&text, &damaged] {
            let controller = config::read_controller("any.toml", text);
            prop_assert!(controller.is_ok() || !controller.unwrap_err().is_empty());
            let agent = config::read_agent("any.toml", text);
            prop_assert!(agent.is_ok() || !agent.unwrap_err().is_empty());
        }
    }
}
