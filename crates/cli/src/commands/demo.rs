//! `dm demo`: the main story with real processes: two laptops, a home server on a free loopback port, our sample packages.
//!
//! Every step is a command that a person would type, run as one; what it printed is shown. The demo checks what it shows, so
//! it fails where the story does not hold.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use include_dir::{Dir, include_dir};
use serde_json::Value;

use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, styled};

static PACKAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../packages");

const COUNT: &str = "module Acme.Shop.Cart

/// How many pieces there are in all, without those of lines that were emptied.
let count (lines: List<Line>) : Int =
  lines
  |> Stdlib.List.filter (fun line -> line.quantity > 0)
  |> Stdlib.List.map (fun line -> line.quantity)
  |> Stdlib.Int.sum
";

const LINE_TOTAL: &str = "module Acme.Shop.Cart

/// What one line costs: pieces that are given back cost nothing.
let lineTotal (line: Line) : Money.Cents =
  line.product.price * (Stdlib.Int.max line.quantity 0)
";

const BULK: &str = "module Acme.Shop.Pricing

/// What is taken off a bulk order: eight percent.
let bulkDiscount (lines: List<Cart.Line>) : Money.Cents =
  if Cart.count lines >= bulkCount then
    Money.percentOf (Cart.total lines) 8
  else
    0
";

const FEE_ADA: &str = "module Acme.Shop.Pricing

/// What sending an order of this subtotal costs the customer: half from half of the limit on.
let shippingFee (subtotal: Money.Cents) : Money.Cents =
  if subtotal >= freeShippingFrom then 0
  elif subtotal * 2 >= freeShippingFrom then flatShipping / 2
  else flatShipping
";

const FEE_BEN: &str = "module Acme.Shop.Pricing

/// What sending an order of this subtotal costs the customer: nothing for an empty cart.
let shippingFee (subtotal: Money.Cents) : Money.Cents =
  if subtotal == 0 || subtotal >= freeShippingFrom then 0 else flatShipping
";

/// A machine of the story: a folder with a store.
struct Machine {
    name: &'static str,
    folder: PathBuf,
    author: &'static str,
}

struct Story {
    program: PathBuf,
    root: PathBuf,
}

/// The server's process; it ends with the story, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn unable(what: &str, error: &std::io::Error) -> Failure {
    Failure::unable(format!("the demo could not {what}: {error}"))
}

/// `dm demo`.
pub fn demo(args: &DemoArgs) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe().map_err(|error| unable("find its own program", &error))?;
    let folder = tempfile::Builder::new()
        .prefix("dm-demo-")
        .tempdir()
        .map_err(|error| unable("make a temporary folder", &error))?;
    let story = Story { program, root: folder.path().to_path_buf() };
    let played = story.play();
    if args.keep {
        let kept = folder.keep();
        output::print_text(&format!("\nThe stores stay in {}: laptop, desktop, server.\n", kept.display()))?;
    }
    played?;
    Ok(ExitCode::SUCCESS)
}

impl Story {
    fn machine(&self, name: &'static str, author: &'static str) -> Result<Machine, Failure> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).map_err(|error| unable("make a folder", &error))?;
        Ok(Machine { name, folder, author })
    }

    fn play(&self) -> Result<(), Failure> {
        let laptop = self.machine("laptop", "Ada")?;
        let desktop = self.machine("desktop", "Ben")?;
        let home = self.machine("server", "Home")?;
        let packages = self.root.join("packages");
        PACKAGES.extract(&packages).map_err(|error| unable("write the sample packages", &error))?;

        self.heading("Ada imports a shop; a home server stands between her and Ben")?;
        self.run(&laptop, &["init", "."], None)?;
        self.run(&laptop, &["import", "../packages", "--intent", "Import the shop"], None)?;
        self.run(&home, &["init", "."], None)?;
        let (_server, url) = self.serve(&home)?;
        self.run(&laptop, &["remote", "add", "home", &url], None)?;
        self.run(&laptop, &["push"], None)?;
        self.run(&desktop, &["init", "."], None)?;
        self.run(&desktop, &["remote", "add", "home", &url], None)?;
        self.run(&desktop, &["pull"], None)?;

        self.heading("Both edit one module at once, different definitions: nothing to settle")?;
        self.change(&laptop, "Count only lines that hold something", COUNT)?;
        self.change(&desktop, "Charge nothing for what is given back", LINE_TOTAL)?;
        self.exchange(&[&laptop, &desktop, &laptop])?;
        self.same_view(&[&laptop, &desktop, &home])?;

        self.heading("Ada renames what Ben edits: both hold")?;
        let rename = ["mv", "Acme.Shop.Pricing.bulkDiscount", "Acme.Shop.Pricing.bulkRebate"];
        self.run(&laptop, &[&rename[..], &["--intent", "Call it a rebate"]].concat(), None)?;
        self.run(&laptop, &["patch", "apply"], None)?;
        self.change(&desktop, "Eight percent for bulk orders", BULK)?;
        self.exchange(&[&laptop, &desktop, &laptop])?;
        self.run(&laptop, &["show", "Acme.Shop.Pricing.bulkRebate"], None)?;
        self.run(&desktop, &["show", "Acme.Shop.Pricing.discount"], None)?;
        self.same_view(&[&laptop, &desktop, &home])?;

        self.heading("Both rewrite one function: a true conflict, the same for both")?;
        self.change(&laptop, "Halve shipping for half the limit", FEE_ADA)?;
        self.change(&desktop, "No shipping for an empty cart", FEE_BEN)?;
        self.exchange(&[&laptop, &desktop, &laptop])?;
        let conflict = self.same_conflict(&laptop, &desktop)?;
        self.run(&desktop, &["conflicts", "show", &conflict], None)?;

        self.heading("Ben settles it; everyone ends with the same code")?;
        let resolve =
            ["conflicts", "resolve", &conflict, "--theirs", "--intent", "Settle shipping: take the halved fee"];
        self.run(&desktop, &resolve, None)?;
        self.run(&desktop, &["patch", "apply"], None)?;
        self.exchange(&[&desktop, &laptop])?;
        self.run(&laptop, &["status"], None)?;
        self.same_view(&[&laptop, &desktop, &home])?;
        self.no_conflicts(&[&laptop, &desktop, &home])
    }

    fn heading(&self, words: &str) -> Result<(), Failure> {
        output::print_text(&format!("\n{}\n\n", styled(BOLD, words)))
    }

    fn command(&self, machine: &Machine, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&machine.folder).env("DM_AUTHOR", machine.author);
        command.env_remove("DM_STORE").env_remove("DM_SESSION").env_remove("DM_NOW").env_remove("DM_SEED");
        command
    }

    /// Runs a command as typed, shows it and what it printed, and wants it done.
    fn run(&self, machine: &Machine, args: &[&str], input: Option<&str>) -> Result<(), Failure> {
        let typed: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
        let here = input.map(|text| format!(" <<'END'\n{text}END")).unwrap_or_default();
        let prompt =
            format!("{}{}", styled(DIM, &format!("{}$", machine.name)), format_args!(" dm {}{here}", typed.join(" ")));
        output::print_text(&format!("{prompt}\n"))?;
        let out = self.ask(machine, args, input)?;
        let shown: String = out.lines().map(|line| format!("  {line}\n")).collect();
        output::print_text(&shown)
    }

    /// Runs a command and gives back what it printed.
    fn ask(&self, machine: &Machine, args: &[&str], input: Option<&str>) -> Result<String, Failure> {
        let mut command = self.command(machine, args);
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| unable("start `dm`", &error))?;
        if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(text.as_bytes()).map_err(|error| unable("type", &error))?;
        }
        let done = child.wait_with_output().map_err(|error| unable("wait for `dm`", &error))?;
        let out = String::from_utf8_lossy(&done.stdout).into_owned();
        if done.status.success() {
            return Ok(out);
        }
        let words = format!("the demo's `dm {}` on the {} ended with {}", args.join(" "), machine.name, done.status);
        Err(Failure::unable(words).with_details(format!("{out}{}", String::from_utf8_lossy(&done.stderr))))
    }

    fn serve(&self, machine: &Machine) -> Result<(Server, String), Failure> {
        let args = ["serve", "--listen", "127.0.0.1:0"];
        output::print_text(&format!("{} dm {} &\n", styled(DIM, &format!("{}$", machine.name)), args.join(" ")))?;
        let mut command = self.command(machine, &args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = Server(child.map_err(|error| unable("start the server", &error))?);
        let mut line = String::new();
        if let Some(stdout) = server.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| unable("hear of the server", &error))?;
        }
        let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) else {
            return Err(Failure::unable(format!("the demo's server did not say where it listens: {line:?}")));
        };
        let url = url.to_owned();
        output::print_text(&format!("  {line}"))?;
        Ok((server, url))
    }

    /// Saves an edit and puts its patch into the machine's main.
    fn change(&self, machine: &Machine, intent: &str, text: &str) -> Result<(), Failure> {
        self.run(machine, &["add", "-", "--intent", intent], Some(text))?;
        self.run(machine, &["patch", "apply"], None)
    }

    fn exchange(&self, machines: &[&Machine]) -> Result<(), Failure> {
        machines.iter().try_for_each(|machine| self.run(machine, &["sync"], None))
    }

    fn status(&self, machine: &Machine) -> Result<Value, Failure> {
        let text = self.ask(machine, &["status", "--json"], None)?;
        serde_json::from_str(&text).map_err(|error| Failure::bug(&format!("status is no JSON: {error}")))
    }

    /// The story holds only if all see the same code.
    fn same_view(&self, machines: &[&Machine]) -> Result<(), Failure> {
        let mut prints = Vec::new();
        for machine in machines {
            let status = self.status(machine)?;
            let print = status.get("view_fingerprint").and_then(Value::as_str).unwrap_or_default().to_owned();
            output::print_text(&format!("{} view {print}\n", styled(DIM, &format!("{:8}", machine.name))))?;
            prints.push(print);
        }
        prints.dedup();
        if prints.len() == 1 { Ok(()) } else { Err(Failure::bug("the views of the demo's machines differ")) }
    }

    fn conflict_ids(&self, machine: &Machine) -> Result<Vec<String>, Failure> {
        let text = self.ask(machine, &["conflicts", "list", "--json"], None)?;
        let list: Value = serde_json::from_str(&text).map_err(|error| Failure::bug(&format!("no JSON: {error}")))?;
        let ids = list.as_array().into_iter().flatten().filter_map(|conflict| conflict.get("id")?.as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    /// Both list one and the same conflict.
    fn same_conflict(&self, left: &Machine, right: &Machine) -> Result<String, Failure> {
        self.run(left, &["conflicts", "list"], None)?;
        self.run(right, &["conflicts", "list"], None)?;
        let (ours, theirs) = (self.conflict_ids(left)?, self.conflict_ids(right)?);
        match ours.first() {
            Some(id) if ours.len() == 1 && ours == theirs => Ok(id.chars().take(12).collect()),
            _ => Err(Failure::bug("the demo's machines list different conflicts")),
        }
    }

    fn no_conflicts(&self, machines: &[&Machine]) -> Result<(), Failure> {
        for machine in machines {
            if !self.conflict_ids(machine)?.is_empty() {
                return Err(Failure::bug(&format!("the {} still lists a conflict", machine.name)));
            }
        }
        output::print_text("\nThe same code on both laptops and the server, nothing lost, nothing left to settle.\n")
    }
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("--intent"), "--intent");
        assert_eq!(quoted("Import the shop"), "\"Import the shop\"");
    }

    #[test]
    fn the_packages_are_in_the_program() {
        assert!(PACKAGES.get_file("acme/shop/cart.dark").is_some());
    }
}
