//! Where everything is: the root, the build folder, the packages, as cargo tells them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The workspace as cargo describes it.
#[derive(Debug, Deserialize)]
pub struct Workspace {
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
    pub packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub dependencies: Vec<Dependency>,
}

/// A dependency as a manifest states it.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// None for a normal dependency, else `dev` or `build`.
    pub kind: Option<String>,
}

/// How the product is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Release,
}

impl Workspace {
    /// Asks cargo.
    pub fn load() -> Result<Self> {
        let done = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version=1"])
            .output()
            .context("cargo metadata could not be started")?;
        if !done.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&done.stderr));
        }
        serde_json::from_slice(&done.stdout).context("cargo metadata is not as expected")
    }

    /// A cargo command at the root.
    pub fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(args).current_dir(&self.root);
        command
    }

    /// Builds `dm` and gives back where it is.
    pub fn build_dm(&self, profile: Profile) -> Result<PathBuf> {
        let mut command = self.cargo(&["build", "--quiet", "--package", "dm"]);
        if profile == Profile::Release {
            command.arg("--release");
        }
        crate::step::run(&mut command)?;
        let folder = if profile == Profile::Release { "release" } else { "debug" };
        Ok(self.target.join(folder).join(format!("dm{}", std::env::consts::EXE_SUFFIX)))
    }
}

/// The cargo that runs this.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
