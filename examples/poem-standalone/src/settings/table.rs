//! The table of every setting: what `--help` prints and `.env.example` is checked against.

use super::{
    audit, collection, dashboard, database, links, logging, mail, outbound, secrets, server, tokens,
};

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name in the environment and in `.env`.
    pub(crate) name: &'static str,
    /// Its value unless set; empty: none.
    pub(crate) default: &'static str,
    /// Which values are accepted.
    pub(crate) accepts: &'static str,
    /// What it is for.
    pub(crate) meaning: &'static str,
    /// Whether its value must not be shown.
    pub(crate) secret: bool,
}

/// Read by `create-admin` and `import` themselves, and by the log filter.
pub(crate) static ELSEWHERE: [Setting; 4] = [
    Setting {
        name: "ADMIN_PASSWORD",
        default: "",
        accepts: "12 to 128 characters",
        meaning: "the password that create-admin gives the new admin where there is no terminal to ask on",
        secret: true,
    },
    Setting {
        name: "PYTHON_DATABASE_URL",
        default: "",
        accepts: "postgres://…, postgresql://… or postgresql+asyncpg://…",
        meaning: "the database of the Python FlowMastery that import takes over, unless --from has it",
        secret: true,
    },
    Setting {
        name: "PYTHON_SECRET_KEY",
        default: "",
        accepts: "the SECRET_KEY of the Python FlowMastery",
        meaning: "with it import takes over the n8n keys of clients",
        secret: true,
    },
    Setting {
        name: "RUST_LOG",
        default: "",
        accepts: "directives such as info,flowmastery_core=debug",
        meaning: "which events are logged",
        secret: false,
    },
];

/// Every setting, by concern.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    let concerns: [&'static [Setting]; 12] = [
        &server::TABLE,
        &database::TABLE,
        &secrets::TABLE,
        &tokens::TABLE,
        &mail::TABLE,
        &links::TABLE,
        &dashboard::TABLE,
        &collection::TABLE,
        &audit::TABLE,
        &outbound::TABLE,
        &logging::TABLE,
        &ELSEWHERE,
    ];
    concerns.into_iter().flatten()
}

/// The setting of a name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}

/// The table as text, for `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Settings (environment, or .env in the working directory):\n");
    for setting in all() {
        let default = if setting.default.is_empty() { "unset" } else { setting.default };
        text.push_str(&format!("  {}\n      {}; default: {default}\n", setting.name, setting.meaning));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = all().map(|setting| setting.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// `.env.example` has every setting once, as a comment with the default or as an active line, and nothing else.
    #[test]
    fn the_example_file_is_complete_and_shows_the_defaults() {
        let example = include_str!("../../../../.env.example");
        let mut seen = Vec::new();
        for line in example.lines() {
            let line = line.strip_prefix("# ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else { continue };
            if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                continue;
            }
            let setting = find(name).unwrap_or_else(|| panic!("{name} is no setting"));
            if !setting.default.is_empty() {
                assert_eq!(value, setting.default, "the default of {name}");
            }
            seen.push(name);
        }
        let names: Vec<_> = all().map(|setting| setting.name).collect();
        for name in &names {
            assert_eq!(seen.iter().filter(|seen| seen == &name).count(), 1, "lines with {name}");
        }
    }

    /// The page for operators has every setting as it stands here; where it differs, this test prints what belongs there.
    #[test]
    fn the_table_for_operators_says_what_the_code_says() {
        let page = include_str!("../../../../docs/OPERATIONS.md");
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let mut table = String::from("| name | default | accepted | meaning |\n|---|---|---|---|\n");
        for Setting { name, default, accepts, meaning, .. } in all() {
            table.push_str(&format!("| `{name}` | {} | {accepts} | {meaning} |\n", code(default)));
        }
        // Markdown has its own meaning for both.
        let table = table.replace("*.", "\\*.").replace(", or * |", ", or \\* |").replace('<', "\\<");
        assert!(page.contains(&format!("\n{table}\n")), "docs/OPERATIONS.md, \"Every setting\":\n\n{table}");
    }

    #[test]
    fn the_help_names_every_setting() {
        let help = help();
        assert!(all().all(|setting| help.contains(setting.name)));
    }
}
