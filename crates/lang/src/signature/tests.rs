use super::*;

fn entity(name: &str) -> EntityId {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    EntityId::from_bytes(bytes)
}

fn asked(text: &str) -> Signature {
    let asked = AskedSignature::read(text).unwrap();
    let names: BTreeMap<String, EntityId> =
        asked.names().into_iter().map(|(name, _)| (name.to_owned(), entity(name))).collect();
    asked.meaning(names)
}

fn fitness(wanted: &str, found: &str) -> Option<(Fit, usize, usize)> {
    asked(wanted).fitness(&asked(found)).map(|fitness| (fitness.fit, fitness.more, fitness.filled))
}

#[test]
fn names_of_variables_do_not_matter() {
    assert_eq!(asked("'a -> List<'b> -> 'a"), asked("'x -> List<'a> -> 'x"));
    assert_ne!(asked("'a -> 'a"), asked("'a -> 'b"));
    assert_eq!(fitness("'a -> List<'a> -> Bool", "'b -> List<'b> -> Bool"), Some((Fit::Same, 0, 0)));
    assert_eq!(fitness("'a -> 'b", "'a -> 'a"), None, "it asks for more than is given");
    assert_eq!(fitness("'a -> 'a", "'a -> 'b"), Some((Fit::General, 0, 0)));
}

#[test]
fn fits_are_told_apart() {
    let wanted = "'a -> List<'a> -> Bool";
    assert_eq!(fitness(wanted, "List<'k> -> 'k -> Bool"), Some((Fit::Reordered, 0, 0)));
    assert_eq!(fitness(wanted, "'a -> 'b -> Bool"), Some((Fit::General, 0, 1)));
    assert_eq!(fitness(wanted, "'a -> 'b -> Int -> Bool"), Some((Fit::Partial, 1, 1)));
    assert_eq!(fitness(wanted, "'a -> List<'a> -> Int"), None);
    assert_eq!(fitness("Int -> Int", "'a -> 'a"), Some((Fit::General, 0, 1)));
    assert_eq!(fitness("Int -> String", "'a -> 'a"), None);
    assert_eq!(fitness("Int", "Unit -> Int"), Some((Fit::Partial, 1, 0)));
    assert_eq!(fitness("List<Int>", "List<'a>"), Some((Fit::General, 0, 1)));
    let several = "'c -> ('a -> 'b) -> List<'a> -> List<'b>";
    assert_eq!(fitness("List<'a> -> ('a -> 'b) -> List<'b>", several), Some((Fit::Partial, 1, 0)));
}

#[test]
fn a_type_without_its_arguments_has_any() {
    assert_eq!(fitness("Option -> Bool", "Option<'a> -> Bool"), Some((Fit::Same, 0, 0)));
    assert_eq!(fitness("List -> Int", "List<String> -> Int"), Some((Fit::Same, 0, 0)));
    assert_eq!(fitness("Option<Int> -> Bool", "Option<String> -> Bool"), None);
    assert_eq!(fitness("Option<Int> -> Bool", "Result<Int> -> Bool"), None);
}

#[test]
fn many_parameters_of_one_type_end() {
    let many = |last: &str| "'a -> ".repeat(24) + last + " -> Int";
    assert_eq!(fitness(&many("String"), &many("Bool")), None);
}

#[test]
fn questions_take_in_what_fits() {
    let texts = [
        "'a -> List<'a> -> Bool",
        "List<'a> -> 'a -> Bool",
        "'a -> 'b -> 'c",
        "Int -> List<Int> -> Bool",
        "Int -> List<Int> -> String -> Bool",
        "Option<Int>",
        "'a -> Option<'a>",
        "List -> Int",
        "(Int * String) -> (Int -> Bool) -> Dict<Int>",
    ];
    for wanted in texts.map(asked) {
        for found in texts.map(asked) {
            let Some(Fitness { fit, .. }) = wanted.fitness(&found) else { continue };
            let words = found.words();
            let answers = |question: &String| {
                question.split(" AND ").all(|part| {
                    let part = part.trim_matches(['(', ')']);
                    part.split(" OR ").any(|word| words.iter().any(|known| format!("\"{known}\"") == word))
                })
            };
            let asked = wanted.questions();
            assert!(asked.iter().any(answers), "{wanted:?} does not find {found:?} ({fit:?})");
        }
    }
}

#[test]
fn bytes_give_the_signature_back() {
    for text in [
        "'a -> List<'b> -> Dict<Int8> -> Option<'a, Uuid>",
        "Stream<Blob> -> DB<X.Y> -> (Int * 'a) -> ('a -> Int) -> Unit",
        "List",
    ] {
        let of = asked(text);
        assert_eq!(Signature::decode(&of.encode()).unwrap(), of);
    }
    assert!(Signature::decode(&[]).is_err());
    assert!(Signature::decode(&[0]).is_err());
    assert!(Signature::decode(&[1, 99]).is_err());
    assert!(Signature::decode(&[3; 5000]).is_err());
}

fn shown(kind: Kind, text: &str) -> Option<Signature> {
    glance(&Definition { kind, text: text.to_owned(), references: Vec::new() }).unwrap().signature
}

#[test]
fn signatures_are_read_off_definitions() {
    let function = "let f<'z> (a: 'z) (l: List<'z>) : Bool =\n  true";
    assert_eq!(shown(Kind::Fn, function), Some(asked("'a -> List<'a> -> Bool")));
    assert_eq!(shown(Kind::Fn, "let f () : Int64 =\n  1L"), Some(asked("Unit -> Int64")));
    assert_eq!(shown(Kind::Value, "val x = [1L; 2L]"), Some(asked("List<Int64>")));
    assert_eq!(shown(Kind::Value, "val x = (\"a\", 1.5)"), Some(asked("String * Float")));
    assert_eq!(shown(Kind::Value, "val x = Acme.f 1L"), None, "what a call gives is not known here");
    assert_eq!(shown(Kind::Type, "type T = Int"), None);
    assert_eq!(shown(Kind::Fn, "let f (a: "), None);
}

#[test]
fn what_is_no_type_is_said_with_its_place() {
    let wrong = |text: &str| {
        let errors = AskedSignature::read(text).unwrap_err();
        (errors[0].range.start, errors[0].range.end, errors[0].message.clone())
    };
    let (start, _, message) = wrong("Int -> ");
    assert!(start <= 7 && message.contains("expected a type"), "{start} {message}");
    assert_eq!(wrong("Int -> ) -> Int").0, 7);
    for text in ["", "{ a: Int }", "A of Int | B", "| A", "Int\n\nlet f (a: Int) : Int = 1", "Int = 2"] {
        let (start, end, _) = wrong(text);
        assert!(start <= end && end as usize <= text.len(), "{text}");
    }
    assert_eq!(AskedSignature::read("Stdlib.Option.Option<'a> -> B").unwrap().names().len(), 2);
    assert_eq!(AskedSignature::read("Int -> B").unwrap().names(), [("B", TextRange::new(7, 8))]);
}
