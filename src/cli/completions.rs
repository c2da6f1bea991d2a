//! `hotline completions`: what a shell needs to complete verbs and flags.

use super::Cli;
use super::failure::Failure;
use super::output::say;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

/// Prints what a shell needs to complete verbs and flags.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hotline completions bash > /etc/bash_completion.d/hotline
  hotline completions zsh  > \"${fpath[1]}/_hotline\"
  hotline completions fish > ~/.config/fish/completions/hotline.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell.
    shell: Known,
}

/// The shells that are known.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(args: CompletionsArgs) -> Result<(), Failure> {
    let shell = match args.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "hotline", &mut script);
    say(&String::from_utf8_lossy(&script))
}
