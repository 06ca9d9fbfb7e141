//! What `vouch init` asks on a terminal, and its defaults elsewhere.

use super::{Args, Choice, Ci, CliError, Language, name, name_of};
use crate::cli::signals::restore_cursor_on_interrupt;
use clap::ValueEnum;
use dialoguer::theme::Theme;
use dialoguer::{Input, Select};
use std::fmt;
use std::io::IsTerminal;

/// Questions end with their own sign, and an answer is shown as the option that gives it.
struct Plain;

impl Theme for Plain {
    fn format_prompt(&self, f: &mut dyn fmt::Write, prompt: &str) -> fmt::Result {
        f.write_str(prompt)
    }

    fn format_input_prompt(&self, f: &mut dyn fmt::Write, prompt: &str, default: Option<&str>) -> fmt::Result {
        match default {
            Some(default) => write!(f, "{prompt} [{default}] "),
            None => write!(f, "{prompt} "),
        }
    }

    fn format_input_prompt_selection(&self, f: &mut dyn fmt::Write, prompt: &str, answer: &str) -> fmt::Result {
        // Behind the name of an option comes what it means, which was read already.
        write!(f, "{prompt} {}", answer.split("  ").next().unwrap_or(answer))
    }
}

/// What the arguments say, and the answers to what they leave out.
pub(super) fn choice(args: &Args) -> Result<Choice, CliError> {
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if asks {
        restore_cursor_on_interrupt();
    }
    let part = match args.role {
        Some(part) => part,
        None if asks => select("What is under test? (arrow keys, then Enter; Esc ends)", 0)?,
        None => {
            let what = "say what is under test: --role sdk, app, backend or cloud (it asks on a terminal only)";
            return Err(CliError::Usage(what.into()));
        }
    };
    let language = match args.language {
        Some(language) => language,
        None if !part.has_adapter() => Language::Other,
        None if asks => select("In which language will the adapter be?", 0)?,
        None => Language::Python,
    };
    let default = name_of(&args.folder, part);
    let chosen = match &args.name {
        Some(name) => name.clone(),
        None if asks => Input::with_theme(&Plain)
            .with_prompt("What do reports call the build?")
            .default(default)
            .validate_with(|text: &String| name(text).map(drop))
            .interact_text()
            .map_err(unanswered)?,
        None => default,
    };
    let ci = match args.ci {
        Some(ci) => ci,
        None if asks => select("Which CI system will run it?", Ci::value_variants().len() - 1)?,
        None => Ci::None,
    };
    Ok(Choice { part, language, name: chosen, ci })
}

/// Lets the user choose one of the values of an argument.
fn select<T: ValueEnum + Copy>(question: &str, default: usize) -> Result<T, CliError> {
    let line = |value: &T| {
        let value = value.to_possible_value()?;
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        Some(format!("{:7}  {help}", value.get_name()))
    };
    let lines: Vec<String> = T::value_variants().iter().filter_map(line).collect();
    let select = Select::with_theme(&Plain).with_prompt(question).items(&lines).default(default);
    let chosen = select.interact_opt().map_err(unanswered)?;
    chosen.and_then(|chosen| T::value_variants().get(chosen).copied()).ok_or(CliError::Interrupted)
}

fn unanswered(error: dialoguer::Error) -> CliError {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        std::io::ErrorKind::Interrupted => CliError::Interrupted,
        _ => CliError::Environment(format!(
            "cannot ask on this terminal: {error}; give the options of `vouch init --help`"
        )),
    }
}
