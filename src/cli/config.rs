//! `hotline config …`, and the flags that every setting has.

use super::failure::Failure;
use super::output::{OutputArgs, table};
use crate::config::{self, Effective, SETTINGS};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde_json::{Map, json};
use std::path::PathBuf;

/// The file of settings and one flag for each of them.
#[derive(Clone, Debug, Default)]
pub struct ConfigArgs {
    file: Option<PathBuf>,
    flags: Vec<(String, String)>,
}

impl ConfigArgs {
    /// The settings in force: defaults, file, environment, flags.
    pub fn load(&self) -> Result<Effective, Failure> {
        Ok(config::load(self.file.as_deref(), std::env::vars_os(), self.flags.clone())?)
    }
}

impl ConfigArgs {
    /// Whether a setting was given as a flag.
    pub fn names(&self, key: &str) -> bool {
        self.flags.iter().any(|(flag, _)| flag == key)
    }
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ConfigArgs, clap::Error> {
        let mut args = ConfigArgs::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one::<PathBuf>("config").cloned();
        let given = SETTINGS.iter().filter_map(|setting| {
            let value = matches.get_one::<String>(setting.key)?;
            Some((setting.key.to_owned(), value.clone()))
        });
        self.flags = given.collect();
        Ok(())
    }
}

impl Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .env("HOTLINE_CONFIG")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A TOML file of settings; the environment and flags go before it");
        let command = command.next_help_heading("Settings").arg(file);
        SETTINGS.iter().fold(command, |command, setting| {
            let arg = Arg::new(setting.key)
                .long(setting.flag)
                .value_name(setting.value)
                .help(format!("{} [env: {}]", setting.help, setting.env()));
            command.arg(match setting.is_switch() {
                true => arg.num_args(0..=1).default_missing_value("true").require_equals(true),
                false => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        ConfigArgs::augment_args(command)
    }
}

/// Looks at settings.
#[derive(Subcommand, Debug)]
pub(super) enum ConfigVerb {
    Show(ShowArgs),
    Check(CheckArgs),
}

/// Prints every setting in force and where it came from. Passwords are not shown.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  HOTLINE_LOG=debug hotline config show --config hotline.toml --lease-max 5m"
)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Reads the settings as `serve` would: exit code 2 and the reason if they are wrong.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline config check --config hotline.toml")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(verb: ConfigVerb) -> Result<(), Failure> {
    match verb {
        ConfigVerb::Show(args) => show(args),
        ConfigVerb::Check(args) => {
            args.config.load()?;
            args.output.print(|| json!({ "ok": true }), || "设置正确".to_owned())
        }
    }
}

fn show(args: ShowArgs) -> Result<(), Failure> {
    let all = args.config.load()?;
    args.output.print(
        || {
            let row = |(setting, value, origin): (&config::Setting, String, &config::Origin)| {
                let row = json!({ "value": value, "origin": origin.to_string() });
                (setting.key.to_owned(), row)
            };
            json!(all.rows().map(row).collect::<Map<_, _>>())
        },
        || {
            let mut rows = table(&["设置", "值", "来源"]);
            for (setting, value, origin) in all.rows() {
                rows.add_row([setting.key.to_owned(), value, origin.to_string()]);
            }
            rows.to_string()
        },
    )
}
