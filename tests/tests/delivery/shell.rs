//! Commands in shell text, as far as it takes to know which of our programs are called, and how.

/// A call of a program of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    /// `inventory` or `xtask`.
    pub(crate) program: &'static str,
    /// The words before the first that is not a plain one: subcommands, perhaps followed by an argument.
    pub(crate) words: Vec<String>,
    /// Options with two dashes.
    pub(crate) options: Vec<String>,
}

/// The calls of our programs.
pub(crate) fn calls(text: &str) -> Vec<Call> {
    let joined = text.replace("\\\n", " ");
    let without_comments = joined.lines().map(|line| line.split(" #").next().unwrap_or_default());
    without_comments
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| {
            line.replace("$(", "\n")
                .replace("&&", "\n")
                .replace("||", "\n")
                .replace(['|', ';', '(', ')', '{', '}', '`'], "\n")
                .lines()
                .filter_map(call)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn call(command: &str) -> Option<Call> {
    // Words that come before a command: variables for it alone, and what the shell itself knows.
    let mut words = command
        .split_whitespace()
        .skip_while(|word| word.contains('=') || ["if", "then", "do", "else", "!", "sudo"].contains(word));
    let program = match words.next()? {
        "inventory" => "inventory",
        "cargo" if words.next() == Some("xtask") => "xtask",
        _ => return None,
    };
    let rest: Vec<_> = words
        .take_while(|word| !["--", ">", "<", ">>", "&"].contains(word))
        .collect();
    let is_plain = |word: &&&str| {
        word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-') && !word.starts_with('-')
    };
    Some(Call {
        program,
        words: rest
            .iter()
            .take_while(is_plain)
            .map(|word| (*word).to_owned())
            .collect(),
        options: rest
            .iter()
            .filter(|word| word.starts_with("--"))
            .map(|word| word.split('=').next().unwrap_or_default().to_owned())
            .collect(),
    })
}

#[test]
fn calls_are_found_wherever_they_stand() {
    let text = "set -e\n# inventory no\nDATABASE_URL=x inventory migrate --backup \\\n  --env=dev > log && cargo xtask bench --seconds 5\n\
                if ! id=$(inventory parked list --json | jq .id); then cargo build; fi\ncargo xtask test -- --no-capture\n";
    let call = |program, words: &[&str], options: &[&str]| Call {
        program,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    assert_eq!(
        calls(text),
        [
            call("inventory", &["migrate"], &["--backup", "--env"]),
            call("xtask", &["bench"], &["--seconds"]),
            call("inventory", &["parked", "list"], &["--json"]),
            call("xtask", &["test"], &[]),
        ]
    );
}
