//! DefHashes that must never change: what is stored and sent depends on them.

use std::fmt::Write as _;

use crate::support::{import, source};

const TEXT: &str = r#"// Everything that a definition can hold.
module Darklang.Stdlib.Option =
  /// Maybe something.
  type Option<'a> =
    | Some of 'a
    | None
module Darklang.Stdlib.List =
  let append (a: List<'a>) (b: List<'a>) : List<'a> = Builtin.listAppend a b
module Acme.Shop =
  type Line = { sku: String; price: Int } // one line
  val none = []
  let total (lines: List<Line>) : Int =
    match lines with
    | first :: rest -> first.price + total rest
    | [] -> 0
  let first (lines: List<Line>) : Stdlib.Option.Option<Line> =
    match lines with
    | line :: _ -> Some line
    | _ -> None
  let both (a: List<Line>) (b: List<Line>) : List<Line> = a @ b
  val text =
    """two
  rows"""
  let greet (name: String) : String = $"hello {name}, {missing name}"
  val unicode = "Zürich 😀"
  let ``mod`` (a: Int) (b: Int) : Int = Builtin.intMod a b
  module Tests =
    /// Adds up
    Shop.total [ Shop.Line { sku = "a"; price = 1 } ] = 1
    Shop.total Shop.none = 0
// the end
"#;

const HASHES: &str = "\
Acme.Shop.Line 89d83abc7972c2744115763e4ce5d7c9f62f1082bbc0101a1430a271bbcba773
Acme.Shop.Tests.adds_up fc4732d95c5d3fef7352f34945b1bb3541829d122ab15f867262a249f5cfb55c
Acme.Shop.Tests.test_e877867f f3b6476710c43e2a9cc4cdc44bc7cf82b659eb3017f02e8cbce42d32189ca599
Acme.Shop.both b8324967bd8063ec622d755ae42c4200f6d13b393c9928499ee6b8b0620aeb80
Acme.Shop.first fd66faf41dbbbe4c7eabc130d0d23f86d24892b54fdc4a27f962bd57b31e0bc8
Acme.Shop.greet fe177598b7e099195d811b9e35acfcfae8d43acd5e058f07e64e6baf26ea4f24
Acme.Shop.mod 5ce0d65593489d58b28a5dd0b865bfa66767c2dfa9d7ba3c27312a2cdeb35252
Acme.Shop.none 47e40951cb5179110486d668511ebede91e0644aa8b4c4bb39a9ea2454d8e0c1
Acme.Shop.text 153380655673fc381b0863e636805f64e5dcb3d1722d083cee97970015b00519
Acme.Shop.total 17701c8276b9d6b044f15e21e8829c42ec9c847a14335128ad7f612820b72c72
Acme.Shop.unicode d18c3c7960a989436a21fdb8510dfaab33daed9d864f6ee5a0d3aa218a285a78
Darklang.Stdlib.List.append 8a4872514989cd405277b63d6cb7ed78011b7790b8faddffcce1e920928f5be5
Darklang.Stdlib.Option.Option 9a544e4284959625cc2f99f1a0f9dfddfe85a5c91be16eafa85049a172d300bf
";

#[test]
fn hashes_of_definitions_stay() {
    let imported = import(&[source("golden", TEXT)]);
    let mut lines: Vec<_> = imported
        .definitions
        .values()
        .map(|(location, definition)| format!("{location} {}", definition.hash()))
        .collect();
    lines.sort();
    let mut found = String::new();
    for line in &lines {
        let _ = writeln!(found, "{line}");
    }
    assert!(lines.len() >= 12);
    assert_eq!(found, HASHES);
}
