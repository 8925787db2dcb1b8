//! Editing a text in the user's editor.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

/// Opens the file in `$VISUAL` or `$EDITOR` and waits for its end. The variable may hold arguments.
///
/// # Errors
/// If none is set, it cannot be started, or it ends with a failure.
pub fn edit(path: &Path) -> Result<(), Failure> {
    let command =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()));
    let Some(command) = command else {
        return Err(Failure::usage("no editor is set").hint("set EDITOR, or save text with `dm add -`"));
    };
    // A shell splits the variable, as git and others do: it may be `code --wait` or a quoted path.
    let status = Command::new("sh").arg("-c").arg(format!("{command} \"$1\"")).arg("sh").arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::refused(format!("the editor `{command}` ended with {status}; nothing was written"))),
        Err(error) => Err(Failure::unable(format!("could not start the editor `{command}`: {error}"))),
    }
}
