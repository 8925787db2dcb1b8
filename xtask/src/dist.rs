//! A package of the program for people without the sources.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::step;
use crate::workspace::{Profile, Workspace};

/// Each shell, and the name that it wants its completions under.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "dm.bash"), ("zsh", "_dm"), ("fish", "dm.fish")];
const PAGES: [&str; 3] = ["LICENSE", "README.md", "CHANGELOG.md"];

/// Builds the program and packs it with completions, manual, licence. Prints where the package is.
pub fn dist(workspace: &Workspace) -> Result<bool> {
    let program = workspace.build_dm(Profile::Release)?;
    let version =
        workspace.packages.iter().find(|package| package.name == "dm").map(|package| package.version.as_str());
    let name = format!("dm-{}-{}", version.context("there is no package dm")?, host()?);
    let folder = workspace.target.join("dist").join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("completions"))?;
    fs::create_dir_all(folder.join("man"))?;
    fs::copy(&program, folder.join(program.file_name().context("the program has no name")?))?;
    for (shell, file) in COMPLETIONS {
        let text = step::read(Command::new(&program).args(["completions", shell]))?;
        fs::write(folder.join("completions").join(file), text)?;
    }
    fs::write(folder.join("man").join("dm.1"), step::read(Command::new(&program).args(["doc-gen", "man"]))?)?;
    for page in PAGES {
        fs::copy(workspace.root.join(page), folder.join(page)).with_context(|| format!("{page} is missing"))?;
    }
    let package = workspace.target.join("dist").join(format!("{name}.tar.gz"));
    pack(&workspace.target.join("dist"), &name, &package)?;
    let bytes = fs::metadata(&package)?.len();
    println!("{} ({:.1} MB)", package.display(), bytes as f64 / 1e6);
    Ok(true)
}

fn pack(folder: &Path, name: &str, package: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.current_dir(folder).arg("-czf").arg(package);
    if cfg!(target_os = "linux") {
        // The same content gives the same package, whoever packs it.
        command.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=2026-01-01T00:00:00Z"]);
    }
    step::run(command.arg(name))
}

/// What rustc calls this machine.
fn host() -> Result<String> {
    let printed = step::read(Command::new("rustc").arg("-vV"))?;
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}
