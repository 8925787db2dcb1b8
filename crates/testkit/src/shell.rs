//! Reading a command line as a person types it into a shell: words, quotes, variables set for one command, redirections, pipes.
//!
//! Deliberately absent: expansion of variables and patterns, `&&`, `;` and substitution; they are errors, not silently text.

/// Commands joined by pipes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The commands, first to last.
    pub commands: Vec<Simple>,
    /// Whether it ends with `&`.
    pub background: bool,
    /// The word that ends the text that follows (`<<'END'`).
    pub here_until: Option<String>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simple {
    /// Variables set for it only.
    pub variables: Vec<(String, String)>,
    /// Its name and arguments.
    pub words: Vec<String>,
    /// The file that it reads (`< file`).
    pub reads: Option<String>,
    /// The file that it writes, and whether at the end of it (`> file`, `>> file`).
    pub writes: Option<(String, Placement)>,
}

/// Where a redirected output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Instead of what is in the file.
    Replace,
    /// After what is in the file.
    Append,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// `quoted` says that a quote stands before any `=`, so that this sets no variable.
    Word {
        text: String,
        quoted: bool,
    },
    Operator(&'static str),
}

/// Longest first.
const OPERATORS: [&str; 10] = ["<<", ">>", "&&", "||", "<", ">", "|", "&", ";", "$("];

/// Reads a line.
///
/// # Errors
/// Says in words what is not understood.
pub fn parse(line: &str) -> Result<Line, String> {
    let mut out = Line::default();
    let mut simple = Simple::default();
    let mut tokens = tokens(line)?.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let operator = match token {
            Token::Word { text, quoted } => {
                match text.split_once('=').filter(|(name, _)| !quoted && simple.words.is_empty() && is_name(name)) {
                    Some((name, value)) => simple.variables.push((name.to_owned(), value.to_owned())),
                    None => simple.words.push(text),
                }
                continue;
            }
            Token::Operator(operator) => operator,
        };
        let mut file = || match tokens.next() {
            Some(Token::Word { text, .. }) => Ok(text),
            _ => Err(format!("`{operator}` wants a word after it")),
        };
        match operator {
            "<" => simple.reads = Some(file()?),
            ">" => simple.writes = Some((file()?, Placement::Replace)),
            ">>" => simple.writes = Some((file()?, Placement::Append)),
            "<<" => out.here_until = Some(file()?),
            "|" => out.commands.push(finished(std::mem::take(&mut simple))?),
            "&" if tokens.peek().is_none() => out.background = true,
            other => return Err(format!("`{other}` is not supported here: write one command a line")),
        }
    }
    out.commands.push(finished(simple)?);
    Ok(out)
}

fn finished(simple: Simple) -> Result<Simple, String> {
    if simple.words.is_empty() { Err("there is no command".to_owned()) } else { Ok(simple) }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut word: Option<(String, bool)> = None;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
        if letter.is_whitespace() || operator.is_some() || (letter == '#' && word.is_none()) {
            if let Some((text, quoted)) = word.take() {
                tokens.push(Token::Word { text, quoted });
            }
            if letter == '#' {
                return Ok(tokens);
            }
            tokens.extend(operator.map(|operator| Token::Operator(operator)));
            rest = rest.split_at(operator.map_or(letter.len_utf8(), |operator| operator.len())).1;
            continue;
        }
        let (text, quoted) = word.get_or_insert_default();
        rest = rest.split_at(letter.len_utf8()).1;
        match letter {
            '\'' => {
                let (inside, after) = rest.split_once('\'').ok_or("a ' is not closed")?;
                *quoted |= !text.contains('=');
                text.push_str(inside);
                rest = after;
            }
            '"' => {
                *quoted |= !text.contains('=');
                rest = double_quoted(rest, text)?;
            }
            '\\' => {
                text.extend(rest.chars().next());
                rest = rest.split_at(rest.chars().next().map_or(0, char::len_utf8)).1;
            }
            '$' | '`' => refuse_expansion(letter, rest, text)?,
            _ => text.push(letter),
        }
    }
    tokens.extend(word.map(|(text, quoted)| Token::Word { text, quoted }));
    Ok(tokens)
}

fn refuse_expansion(letter: char, rest: &str, text: &mut String) -> Result<(), String> {
    if letter == '`' || rest.starts_with(|next: char| next.is_alphabetic() || matches!(next, '_' | '{' | '(')) {
        return Err(format!("`{letter}` is not expanded here: write it within '…'"));
    }
    text.push(letter);
    Ok(())
}

/// Takes what is within double quotes into `text` and gives back what is after them.
fn double_quoted<'a>(inside: &'a str, text: &mut String) -> Result<&'a str, String> {
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        let after = inside.split_at(at + letter.len_utf8()).1;
        match letter {
            '"' => return Ok(after),
            '\\' => match letters.next() {
                Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => text.push(escaped),
                Some((_, other)) => text.extend(['\\', other]),
                None => break,
            },
            '$' | '`' => refuse_expansion(letter, after, text)?,
            _ => text.push(letter),
        }
    }
    Err("a \" is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        parse(line).unwrap().commands.remove(0).words
    }

    #[test]
    fn words_and_quotes() {
        assert_eq!(words("dm init . --author Ada"), ["dm", "init", ".", "--author", "Ada"]);
        assert_eq!(
            words(r#"dm add - --intent "Ship \"free\"" 'a $b' c\ d"#),
            ["dm", "add", "-", "--intent", "Ship \"free\"", "a $b", "c d"]
        );
        assert_eq!(words(r#"echo "" '' a"b"'c' "\n" 5$"#), ["echo", "", "", "abc", "\\n", "5$"]);
        assert_eq!(words("dm ls  # all of it"), ["dm", "ls"]);
        assert_eq!(words("dm show a#b"), ["dm", "show", "a#b"]);
    }

    #[test]
    fn variables_redirections_pipes() {
        let line = parse("DM_SESSION=two EDITOR='cp x' dm add - < in > out").unwrap();
        let simple = &line.commands[0];
        assert_eq!(simple.variables, [("DM_SESSION".into(), "two".into()), ("EDITOR".into(), "cp x".into())]);
        assert_eq!(simple.words, ["dm", "add", "-"]);
        assert_eq!(simple.reads.as_deref(), Some("in"));
        assert_eq!(simple.writes, Some(("out".into(), Placement::Replace)));
        let line = parse("echo 'let x = 1'|dm add - >>log &").unwrap();
        assert_eq!(line.commands.len(), 2);
        assert_eq!(line.commands[1].writes, Some(("log".into(), Placement::Append)));
        assert!(line.background);
        assert_eq!(parse("dm add - <<'END'").unwrap().here_until.as_deref(), Some("END"));
        assert_eq!(words("'A=b' c"), ["A=b", "c"]);
        assert_eq!(words("dm --bind x=Y"), ["dm", "--bind", "x=Y"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for line in [
            "a && b",
            "a; b",
            "a | ",
            "",
            "'a",
            "\"a",
            "echo $HOME",
            "echo \"$(x)\"",
            "a <",
            "A=1",
            "a & b",
            "a || b",
            "x `y`",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
