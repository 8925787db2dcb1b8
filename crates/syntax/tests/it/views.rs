//! The typed views: what they give for what is written.

use dm_syntax::written::{Expr, InterpPart, Item, TestExpected, TypeRef, TypeShape};
use dm_syntax::{Diagnostic, LiteralValue, Mode, Parse, TextRange, declaration_ranges, parse, render};

fn clean(text: &str, mode: Mode) -> Parse {
    let parsed = parse(text, mode);
    assert_eq!(parsed.diagnostics, []);
    parsed
}

/// Runs `check` on the only expression of a script.
fn check_expr(text: &str, check: impl FnOnce(Expr<'_>)) {
    let parsed = clean(text, Mode::Script);
    let Some(Item::Expr(item)) = parsed.file().items().next() else { panic!("an expression in {text:?}") };
    check(item.expr().expect("an expression"));
}

fn literal(text: &str) -> String {
    let mut out = String::new();
    check_expr(text, |expr| {
        let Expr::Literal(literal) = expr else { panic!("a literal in {text:?}") };
        out = match literal.value().expect("a value") {
            LiteralValue::Bool(value) => value.to_string(),
            LiteralValue::Int { decimal, kind } => format!("{} {decimal}", kind.type_name()),
            LiteralValue::Float(value) => {
                format!("{} {} {}", if value.negative { '-' } else { '+' }, value.whole, value.fraction)
            }
            LiteralValue::String(value) => format!("string {value}"),
            LiteralValue::Char(value) => format!("char {value}"),
        };
    });
    out
}

#[test]
fn literals_are_decoded() {
    for (text, expected) in [
        ("true", "true"),
        ("-0128y", "Int8 -128"),
        ("340282366920938463463374607431768211455Z", "UInt128 340282366920938463463374607431768211455"),
        ("00", "Int 0"),
        ("-2.50", "- 2 5"),
        ("1e20", "+ 100000000000000000000 0"),
        (r#""a\tb\u00e9e""#, "string a\tbée"),
        ("\"e\u{301}\"", "string é"),
        (r#""""a\t""""#, r"string a\t"),
        (r"'\''", "char '"),
        ("'''", "char '"),
        ("'e\u{301}'", "char é"),
    ] {
        assert_eq!(literal(text), expected, "{text}");
    }
}

#[test]
fn interpolation_gives_text_and_expressions() {
    check_expr(r#"$"a\n{b}{{e}}""#, |expr| {
        let Expr::Interp(interp) = expr else { panic!("an interpolation") };
        let parts = interp.parts();
        assert_eq!(parts.len(), 3);
        assert!(matches!(&parts[0], InterpPart::Text(text, range) if text == "a\n" && *range == TextRange::new(2, 5)));
        assert!(
            matches!(&parts[1], InterpPart::Expr(Expr::Name(name)) if name.path().expect("a path").dotted() == "b")
        );
        assert!(matches!(&parts[2], InterpPart::Text(text, _) if text == "{e}"));
    });
}

#[test]
fn names_give_segments_ranges_and_whether_they_are_applied() {
    let text = "x |> M.N.f |> g (h a) -1";
    check_expr(text, |expr| {
        let names: Vec<_> = expr
            .syntax()
            .descendants()
            .filter_map(dm_syntax::written::NameExpr::cast)
            .map(|name| (name.path().expect("a path").dotted(), name.is_applied()))
            .collect();
        let expected = [("x", false), ("M.N.f", true), ("g", true), ("h", true), ("a", false)];
        assert_eq!(names, expected.map(|(name, applied)| (name.to_owned(), applied)));
        let path =
            expr.syntax().descendants().filter_map(dm_syntax::written::Path::cast).nth(1).expect("the second path");
        let ranges: Vec<_> = path.segments().map(|segment| segment.range().slice(text)).collect();
        assert_eq!(ranges, ["M", "N", "f"]);
    });
}

#[test]
fn cases_give_type_case_and_fields() {
    for (text, expected) in [
        ("Ok", "[] Ok 0"),
        ("A.B.C(1, 2)", "[A.B] C 2"),
        ("C (1, 2)", "[] C 2"),
        ("C((1, 2))", "[] C 1"),
        ("C()", "[] C 1"),
        ("C 1 2", "[] C 2"),
        ("O<Int>.Some 1", "[O] Some 1"),
    ] {
        check_expr(text, |expr| {
            let Expr::Enum(case) = expr else { panic!("a case in {text:?}") };
            let segments: Vec<_> = case.type_segments().into_iter().map(|name| name.text()).collect();
            let name = case.case().expect("a case name").text();
            assert_eq!(format!("[{}] {name} {}", segments.join("."), case.fields().len()), expected, "{text}");
        });
    }
}

#[test]
fn declarations_give_their_parts() {
    let text = "module A.B\n/// First\n///  second \nlet f<'a, 'b> (x: List<'a>) () (_: Int -> 'b) : Stdlib.X<Int> * Bool =\n  x\n\n\
                type R = { ``a b``: Int; c: Dict<String> }\ntype E = | P of x: Int * Float | Q\n/// v\n//// not this\nval v = 1\n";
    let parsed = clean(text, Mode::Package);
    let Some(Item::Module(module)) = parsed.file().items().next() else { panic!("a module") };
    assert_eq!(module.path().expect("a path").dotted(), "A.B");
    assert!(!module.is_block());
    let items: Vec<_> = module.items().collect();
    let [Item::Fn(function), Item::Type(record), Item::Type(case), Item::Value(value)] = items[..] else {
        panic!("four declarations")
    };
    assert_eq!(items[0].doc().as_deref(), Some("First second"));
    assert_eq!(items[1].doc(), None);
    assert_eq!(items[3].doc().as_deref(), Some("v"));
    let type_params: Vec<_> = function.type_params().iter().map(|param| param.name).collect();
    assert_eq!(type_params, ["a", "b"]);
    let params: Vec<_> =
        function.params().map(|param| (param.name().map(|name| name.text()), param.is_unit())).collect();
    assert_eq!(params, [(Some("x"), false), (None, true), (None, false)]);
    let Some(TypeRef::Tuple(result)) = function.result() else { panic!("a tuple type") };
    assert_eq!(result.parts().count(), 2);
    assert_eq!(function.body().expect("a body").statements().count(), 1);
    let Some(TypeShape::Record(fields)) = record.shape() else { panic!("a record") };
    assert_eq!(fields[0].name().expect("a name").text(), "a b");
    let Some(TypeShape::Enum(cases)) = case.shape() else { panic!("an enum") };
    let labels: Vec<_> = cases[0].fields().map(|field| field.label().map(|label| label.text())).collect();
    assert_eq!(labels, [Some("x"), None]);
    assert_eq!(value.name().expect("a name").range().slice(text), "v");
}

#[test]
fn assertions_give_what_is_expected() {
    let parsed = clean("f = 1\nf = error=\"a\\\"b\"\nf = sqlerror \"\"\"c\\d\"\"\"\n[<DB>] type Q = R", Mode::Test);
    let expected: Vec<_> = parsed
        .file()
        .items()
        .filter_map(|item| match item {
            Item::Test(test) => test.expected(),
            _ => None,
        })
        .collect();
    assert!(matches!(expected[0], TestExpected::Value(Expr::Literal(_))));
    assert_eq!(expected[1], TestExpected::Error { text: "a\"b".into(), sql: false });
    assert_eq!(expected[2], TestExpected::Error { text: r"c\d".into(), sql: true });
    let names: Vec<_> = parsed.file().items().filter_map(|item| item.name()).map(|name| name.text()).collect();
    assert_eq!(names, ["Q"]);
}

#[test]
fn comments_belong_to_the_next_declaration_and_at_the_end_to_the_last() {
    let text = "// file\nmodule A\n// a\nval x = 1 // with x's row\n\n/// d\nval y = 2\n// end\nmodule B =\n  // b\n  val z = 3\n  // z's\n// tail\n";
    let parsed = clean(text, Mode::Package);
    let spans: Vec<_> = declaration_ranges(parsed.file()).iter().map(|span| span.range.slice(text)).collect();
    assert_eq!(
        spans,
        [
            text,
            "\n// a\nval x = 1",
            " // with x's row\n\n/// d\nval y = 2",
            "\n// end\nmodule B =\n  // b\n  val z = 3\n  // z's\n// tail\n",
            "\n  // b\n  val z = 3\n  // z's\n// tail\n",
        ]
    );
}

fn shown(text: &str, from: usize, to: usize) -> String {
    let range = TextRange::new(u32::try_from(from).expect("short"), u32::try_from(to).expect("short"));
    render(
        &Diagnostic::error(dm_syntax::Code::Unexpected, range, "no").with_hint("yes").with_related(range, "here"),
        "a.dark",
        text,
    )
}

#[test]
fn diagnostics_are_shown_with_carets_under_the_place() {
    let expected =
        "error[PARSE-UNEXPECTED] at a.dark:2:3: no\n 2 |     日😀\n   |       ^^\nnote: a.dark:2:3: here\nhint: yes\n";
    assert_eq!(shown("a\n\t日😀\n", 6, 10), expected);
    assert!(shown("a", 1, 1).contains(" 1 | a\n   |  ^\n"));
    let long = format!("{}X{}", "a".repeat(500), "b".repeat(5000));
    let shown = shown(&long, 500, 501);
    let rows: Vec<_> = shown.lines().collect();
    assert!(rows[1].chars().count() < 140 && rows[1].contains("aX") && rows[1].ends_with("b…"), "{}", rows[1]);
    assert_eq!(rows[1].chars().position(|c| c == 'X'), rows[2].chars().position(|c| c == '^'));
}

#[test]
fn a_parse_can_be_shared_between_threads_and_outlive_its_text() {
    fn shareable<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    let tree = shareable(parse(&String::from("f 1"), Mode::Script)).tree;
    let copy = tree.clone();
    drop(tree);
    assert_eq!(copy.root().text(), "f 1");
    assert_eq!(copy.token_at(2).expect("a token").text(), "1");
    assert_eq!(copy.token_at(3), None);
}
