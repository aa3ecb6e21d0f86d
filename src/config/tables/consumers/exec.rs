//! `exec = { .. }`: a command.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;

use super::{TargetOf, table_of};
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text};
use crate::forward::ExecSettings;

pub(super) fn exec(
    consumer: &Reader<'_>,
    of: TargetOf<'_>,
    context: &ValidationContext,
) -> Result<ExecSettings, Reported> {
    let table = table_of(consumer, "exec", &schema::EXEC)?;
    let hint = format!("write the program and its arguments, as in `command = {}`", table.example("command"));
    let arguments = table.arguments("command")?;
    let Some((program, arguments)) = arguments.as_deref().and_then(<[_]>::split_first) else {
        let at = table.position("command");
        return Err(at.missing(format!("{}: `exec` has no `command`", of.shown), hint));
    };
    if let Some(argument) = arguments.iter().find(|argument| argument.text.contains('\0')) {
        return Err(argument
            .at
            .error(format!("{}: an argument contains a NUL character", of.shown), "remove it"));
    }
    if program.is_empty_or_has_nul() {
        return Err(program.at.error(format!("{}: the program of `command` is empty", of.shown), hint));
    }
    let program = resolve(*program, of, context)?;
    let arguments = arguments.iter().map(|argument| argument.text.to_owned());
    Ok(ExecSettings { command: std::iter::once(program).chain(arguments).collect() })
}

/// A name without a slash is searched for in PATH when the command is run. Like other paths, a relative one starts at
/// the directory of webhooks.toml: a service has another working directory.
fn resolve(program: Text<'_>, of: TargetOf<'_>, context: &ValidationContext) -> Result<String, Reported> {
    program.without_tilde()?;
    if !program.text.contains('/') {
        if program.text.contains(char::is_whitespace) {
            program.at.warning(
                format!("{}: the name of the program contains a space", of.shown),
                "there is no shell: write each argument as a string, as in `command = [\"php\", \"artisan\"]`",
            );
        }
        return Ok(program.text.to_owned());
    }
    let path = std::path::absolute(context.files.resolve(program.text));
    let path = path.unwrap_or_else(|_| context.files.resolve(program.text));
    let shown = path.display();
    let fault = match fs::metadata(&path) {
        Ok(found) if !found.is_file() => Some("is not a file".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("is not executable".to_owned()),
        Err(why) if why.kind() == ErrorKind::NotFound => Some("does not exist".to_owned()),
        // Only the user of `forward` must be able to run it.
        Ok(_) | Err(_) => None,
    };
    if let Some(fault) = fault.filter(|_| context.files.are_opened()) {
        let hint = "name an executable file; a script needs `#!` in its first line, and `chmod +x`";
        return Err(program.at.error(format!("{}: the program `{shown}` {fault}", of.shown), hint));
    }
    Ok(shown.to_string())
}
