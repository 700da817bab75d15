//! What the documents say is true: tests they name exist, links lead somewhere, commands they show can be
//! typed. And what must not stand in this repository does not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::base::clock::UnixTime;
use doorward::config::file::{LIMITS, LIMITS_CODES_PER_MINUTE, LIMITS_FACTOR, LIMITS_PASSWORD, LIMITS_SPRAY};
use doorward::frontend::ldap::counters as ldap;
use doorward::frontend::ldap::no_tls::NoTls;
use doorward::frontend::radius::counters::{Dropped, Refusal, Sent};
use doorward::gateway::admit::Refused;
use doorward::gateway::alarm::Alarm;
use doorward::gateway::ports::{AuditRecord, ExemptLogin};
use doorward::login::attempt::AttemptId;
use doorward::login::verdict::{FaultKind, Reason};
use doorward::store::sqlite::{Field, INVENTORY, Nature};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository that people wrote, as far as it is text: path from the root, and content.
fn written() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // Made by tools, or not part of the repository at all.
            if ["target", ".git", "artifacts", "corpus", "Cargo.lock"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root(), &mut paths);
    paths.sort();
    let files: Vec<_> = paths
        .into_iter()
        .filter_map(|path| Some((path.clone(), fs::read_to_string(&path).ok()?)))
        .map(|(path, text)| (path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text))
        .collect();
    assert!(files.iter().any(|(path, _)| path == "src/lib.rs"), "the walk misses the sources");
    files
}

fn markdown() -> Vec<(String, String)> {
    let documents: Vec<_> = written().into_iter().filter(|(path, _)| path.ends_with(".md")).collect();
    assert!(documents.iter().any(|(path, _)| path == "README.md"), "the walk misses README.md");
    documents
}

/// Lines with their numbers, and whether they stand in a fenced block of code, which may be indented.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let mut inside = false;
    text.lines().enumerate().map(move |(no, line)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        (no + 1, line, inside || fence)
    })
}

/// What stands between backticks in a line of prose.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

// ---- the list of attacks ------------------------------------------------------------------------------

/// `path::name` of every test that the list of attacks names, with the line it stands in.
fn named_tests(attacks: &str) -> Vec<(usize, String, String)> {
    let of_line = |(no, line, _): (usize, &str, bool)| {
        let spans = code_spans(line).filter_map(|span| span.split_once(".rs::"));
        spans.map(|(file, name)| (no, format!("{file}.rs"), name.to_owned())).collect::<Vec<_>>()
    };
    lines(attacks).flat_map(of_line).collect()
}

/// Whether `source` holds a test of that name: the function, and an attribute that makes it a test above it;
/// or the function, and its name in a list from which a macro makes tests, here or in the file above (`above`).
fn holds_test(source: &str, above: &str, name: &str) -> bool {
    let lists = |text: &str| {
        text.contains("#[test]\n                fn $") && text.lines().any(|line| line.trim() == name)
    };
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    if lists(source) || lists(above) {
        return source.contains(&format!("fn {name}("));
    }
    let named = |line: &str| line.contains(&format!("fn {name}("));
    lines.iter().enumerate().filter(|(_, line)| named(line)).any(|(no, _)| {
        let above =
            lines[..no].iter().rev().take_while(|line| line.starts_with('#') || line.starts_with("//"));
        let above: Vec<_> = above.collect();
        above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
            && !above.iter().any(|line| line.starts_with("#[ignore"))
    })
}

#[test]
fn every_test_in_the_list_of_attacks_exists() {
    let attacks = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let named = named_tests(&attacks);
    assert!(named.len() > 30, "the list of attacks names {} tests only", named.len());
    let mut missing = Vec::new();
    for (no, file, name) in named {
        let source = fs::read_to_string(root().join(&file)).unwrap_or_default();
        let above = Path::new(&file).parent().map(|folder| root().join(folder).with_extension("rs"));
        let above = above.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        if !holds_test(&source, &above, &name) {
            missing.push(format!("docs/attacks.md:{no}: no test {name} in {file}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_attack_in_the_list_has_a_rule_and_a_test() {
    let attacks = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let rows = lines(&attacks).filter(|(_, line, fenced)| line.starts_with("| ") && !fenced);
    let mut bare = Vec::new();
    let mut seen = 0;
    for (no, line, _) in rows {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if cells[0] == "attack" {
            continue;
        }
        seen += 1;
        let complete = cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty());
        if !complete || !cells[3].contains(".rs::") {
            bare.push(format!("docs/attacks.md:{no}: {line}"));
        }
    }
    assert!(seen > 30 && bare.is_empty(), "{seen} rows; incomplete:\n{}", bare.join("\n"));
}

#[test]
fn every_limit_that_can_be_set_stands_among_those_whose_tests_move_the_clock() {
    let attacks = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let (_, section) = attacks.split_once("\n## Limits and locks\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let named: Vec<_> = section.lines().filter(|line| line.starts_with("| ")).flat_map(code_spans).collect();
    let tables = [
        ("limits.", LIMITS),
        ("limits.password.", LIMITS_PASSWORD),
        ("limits.factor.", LIMITS_FACTOR),
        ("limits.codes-per-minute.", LIMITS_CODES_PER_MINUTE),
        ("limits.spray.", LIMITS_SPRAY),
    ];
    let all = tables.iter().flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}{key}")));
    let settings = all.filter(|key| !tables.iter().any(|(table, _)| *table == format!("{key}.")));
    let missing: Vec<_> = settings.filter(|key| !named.contains(&key.as_str())).collect();
    assert!(missing.is_empty(), "no test is named for {missing:?}");
}

#[test]
fn a_helper_and_an_ignored_test_do_not_count_as_tests() {
    let source = "#[test]\nfn real() {}\n\n#[test]\n#[ignore]\nfn skipped() {}\n\nfn helper() {}\n\
                  proptest! {\n    /// Holds.\n    #[test]\n    fn drawn(x in 0..9) {}\n}\n\
                  #[tokio::test(start_paused = true)]\nasync fn waits() {}\n";
    let made = "macro_rules! all { ($($name:ident)+) => {\n            $(\n                #[test]\n                \
                fn $name() { super::$name() }\n            )+\n} }\nfn listed() {}\nfn forgotten() {}\n\
                all! {\n    listed\n    nowhere\n}\n";
    assert!(
        holds_test(made, "", "listed")
            && !holds_test(made, "", "forgotten")
            && !holds_test(made, "", "nowhere")
    );
    assert!(["real", "drawn", "waits"].iter().all(|name| holds_test(source, "", name)));
    let module = "async fn listed(open: Open) {}\nasync fn forgotten() {}";
    assert!(holds_test(module, made, "listed") && !holds_test(module, made, "forgotten"));
    assert!(["skipped", "helper", "absent"].iter().all(|name| !holds_test(source, "", name)));
}

// ---- links --------------------------------------------------------------------------------------------

/// Where the links of one line lead.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The name that a heading can be linked by: lower case, blanks as dashes, other signs left out.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    lines(text).filter(|(_, line, fenced)| line.starts_with('#') && !fenced).map(|l| anchor(l.1)).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for (path, text) in markdown() {
        let outside_code = lines(&text).filter(|(_, _, fenced)| !fenced);
        for (no, link) in outside_code.flat_map(|(no, line, _)| links(line).map(move |link| (no, link))) {
            if link.starts_with("https://") {
                continue;
            }
            followed += 1;
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let here = root().join(&path);
            let target = if file.is_empty() { here } else { here.parent().unwrap().join(file) };
            let there = target.exists()
                && (part.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).contains(&part.to_owned()));
            if !there {
                broken.push(format!("{path}:{no}: {link}"));
            }
        }
    }
    assert!(followed > 10 && broken.is_empty(), "{followed} links; broken:\n{}", broken.join("\n"));
}

// ---- what must not be here ----------------------------------------------------------------------------

/// Names that belong to nobody: set aside for documentation and tests (RFC 2606, RFC 6761).
fn belongs_to_nobody(domain: &str) -> bool {
    let ends = [".example", ".test", ".invalid", ".localhost"];
    let names = ["example.org", "example.com", "example.net"];
    ends.iter().any(|end| domain.ends_with(end))
        || names.iter().any(|name| domain == *name || domain.ends_with(&format!(".{name}")))
}

/// The domains of what looks like mail addresses in `line`.
fn mail_domains(line: &str) -> Vec<String> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    let mut found = Vec::new();
    for (at, _) in line.match_indices('@') {
        if !line[..at].ends_with(of_name) {
            continue;
        }
        let rest = &line[at + 1..];
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').unwrap_or(rest.len());
        let domain = rest[..end].trim_end_matches('.').to_lowercase();
        let top = domain.rsplit_once('.').map_or("", |(_, top)| top);
        if top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()) {
            found.push(domain);
        }
    }
    found
}

#[test]
fn no_address_of_a_real_person_stands_anywhere_f_028() {
    let mut wrong = Vec::new();
    for (path, text) in written() {
        for (no, line) in text.lines().enumerate() {
            let real = mail_domains(line).into_iter().filter(|domain| !belongs_to_nobody(domain));
            wrong.extend(real.map(|domain| format!("{path}:{}: @{domain}", no + 1)));
        }
    }
    assert!(wrong.is_empty(), "use example.org:\n{}", wrong.join("\n"));
}

#[test]
fn addresses_are_found_wherever_they_stand() {
    let real = ["gmail", "com"].join(".");
    for line in [format!("<anna@{real}>"), format!("b.c+d@{real}."), format!("\"x@mail.{real}\", 1")] {
        let found = mail_domains(&line);
        assert!(found.len() == 1 && !belongs_to_nobody(&found[0]), "{line}");
    }
    for line in ["user@host", "a @ b.rs", "tool@v4.1", "dn: uid=x@example.org", "x@corp.example"] {
        assert!(mail_domains(line).iter().all(|domain| belongs_to_nobody(domain)), "{line}");
    }
}

#[test]
fn nothing_of_somebodys_own_machine_stands_anywhere() {
    // Put together here, or this file would be the first to be found.
    let words: Vec<String> =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/Use", "rs/"], ["crat", "es.io"], ["/.car", "go/"]]
            .iter()
            .map(|halves| halves.concat())
            .collect();
    let mut wrong = Vec::new();
    for (path, text) in written() {
        for (no, line) in text.lines().enumerate() {
            let here = words.iter().filter(|word| line.contains(word.as_str()));
            wrong.extend(here.map(|word| format!("{path}:{}: {word}", no + 1)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// ---- commands -----------------------------------------------------------------------------------------

/// The help of a command, as the program prints it.
fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward")).args(words).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let after = help.split("Commands:\n").nth(1).unwrap_or("");
    let list = after.lines().take_while(|line| line.starts_with("  "));
    // A description that runs over two lines is indented further.
    let named = list.filter(|line| !line.starts_with("   "));
    named.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// One use of the program in a text: place, and the words behind its name.
struct Usage {
    place: String,
    words: Vec<String>,
}

/// Uses in `text`: in markdown those in code, elsewhere all.
fn usages(path: &str, text: &str) -> Vec<Usage> {
    let mut found = Vec::new();
    let joined = text.replace("\\\n", " ");
    for (no, line, fenced) in lines(&joined) {
        let pieces: Vec<&str> =
            if !path.ends_with(".md") || fenced { vec![line] } else { code_spans(line).collect() };
        for piece in pieces {
            for (at, name) in piece.match_indices("doorward ") {
                // Part of another word, or bytes that go into a key.
                let other = |c: char| c.is_alphanumeric() || "-_.".contains(c);
                if piece[..at].ends_with(other) || piece[..at].ends_with("b\"") {
                    continue;
                }
                let rest = &piece[at + name.len()..];
                let end = rest.find(['`', '|', '#', ';', '"', '<', '>', '…', ')']).unwrap_or(rest.len());
                let words: Vec<_> = rest[..end].split_whitespace().map(str::to_owned).collect();
                found.push(Usage { place: format!("{path}:{no}"), words });
            }
        }
    }
    found
}

/// What is wrong with a use: a command that is not there, or an option that its help does not name.
fn complaint(usage: &Usage, helps: &mut HashMap<Vec<String>, String>) -> Option<String> {
    let mut command: Vec<String> = Vec::new();
    let mut text = |command: &[String]| {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        helps.entry(command.to_vec()).or_insert_with(|| help(&words)).clone()
    };
    let is_word =
        |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    for word in usage.words.iter().skip_while(|word| !is_word(word)) {
        let known = listed(&text(&command));
        if known.is_empty() || !is_word(word) {
            break;
        }
        let word = word.trim_end_matches([',', '.', ':']).to_owned();
        if !known.contains(&word) {
            return Some(format!("{}: doorward {} {word}", usage.place, command.join(" ")));
        }
        command.push(word);
    }
    let known = text(&command);
    let options = usage.words.iter().filter(|word| word.starts_with("--"));
    let options = options.map(|word| word.split('=').next().unwrap_or(word).trim_end_matches([',', '.']));
    let unknown = options.into_iter().find(|option| !known.contains(option));
    unknown.map(|option| format!("{}: doorward {} has no {option}", usage.place, command.join(" ")))
}

#[test]
fn every_command_that_is_shown_can_be_typed() {
    let mut helps = HashMap::new();
    let shown = |path: &str| {
        path.ends_with(".md") || ["conf/", "systemd/", "src/"].iter().any(|part| path.starts_with(part))
    };
    let usages: Vec<_> = written()
        .into_iter()
        .filter(|(path, _)| shown(path))
        .flat_map(|(path, text)| usages(&path, &text))
        .filter(|usage| {
            usage
                .words
                .first()
                .is_some_and(|word| word.starts_with(|c: char| c.is_ascii_lowercase() || c == '-'))
        })
        .collect();
    assert!(usages.len() > 20, "only {} uses of the program were found", usages.len());
    let wrong: Vec<_> = usages.iter().filter_map(|usage| complaint(usage, &mut helps)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// ---- manual -------------------------------------------------------------------------------------------

/// Whether a command can be typed without one of those below it.
fn stands_alone(help: &str) -> bool {
    let usage = help.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap();
    !usage.contains("<COMMAND>")
}

/// Every command that does something itself: most of those with commands below them only lead there.
fn commands() -> Vec<Vec<String>> {
    let below = |parent: &[String]| {
        let words: Vec<&str> = parent.iter().map(String::as_str).collect();
        let names = listed(&help(&words)).into_iter().filter(|name| name != "help");
        names.map(|name| [parent, &[name]].concat()).collect::<Vec<_>>()
    };
    let mut leaves = Vec::new();
    for command in below(&[]) {
        let children = below(&command);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if stands_alone(&help(&words)) {
            leaves.push(command);
        }
        leaves.extend(children);
    }
    leaves
}

/// The long options in a text, each once.
fn options(text: &str) -> BTreeSet<String> {
    let ends = |c: char| !c.is_ascii_lowercase() && c != '-';
    let named = text.split("--").skip(1).map(|rest| rest.split(ends).next().unwrap().to_owned());
    named.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

#[test]
fn every_command_and_option_is_in_the_manual_and_nothing_else() {
    let manual = fs::read_to_string(root().join("docs/man/doorward.1.md")).unwrap();
    let section = |command: &str| {
        let rest = manual.split(&format!("\n### doorward {command}\n")).nth(1)?;
        Some(rest.split("\n### ").next()?.split("\n## ").next()?.to_owned())
    };
    let mut wrong = Vec::new();
    let commands = commands();
    for command in &commands {
        let (name, words) = (command.join(" "), command.iter().map(String::as_str).collect::<Vec<_>>());
        let Some(section) = section(&name) else {
            wrong.push(format!("doorward {name}: not in the manual"));
            continue;
        };
        let usage = help(&words);
        let usage = usage.split("Options:").nth(1).unwrap().split("Example").next().unwrap();
        let mut known = options(usage);
        known.retain(|option| !["config", "help", "version"].contains(&option.as_str()));
        let told: BTreeSet<_> = lines(&section)
            .filter(|(_, line, _)| line.starts_with("`--"))
            .flat_map(|(_, line, _)| options(line))
            .collect();
        wrong.extend(known.difference(&told).map(|o| format!("doorward {name} --{o}: not in the manual")));
        wrong.extend(told.difference(&known).map(|o| format!("doorward {name} --{o}: only in the manual")));
    }
    let sections = manual.matches("\n### doorward ").count();
    assert_eq!(sections, commands.len(), "one section for each command\n{}", wrong.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The record of an operation of an exempt account.
fn operation() -> AuditRecord {
    let login = ExemptLogin {
        attempt: AttemptId([0; 8]),
        client: "wiki".into(),
        who: None,
        exemption: "wiki-service".into(),
        source: [192, 0, 2, 7].into(),
    };
    login.operation(UnixTime(0), "search", "done", "allowed")
}

#[test]
fn every_word_of_audit_metrics_and_log_is_in_the_manual() {
    let manual = fs::read_to_string(root().join("docs/man/doorward-words.7.md")).unwrap();
    let mut words: BTreeSet<String> = BTreeSet::new();
    words.insert(operation().event.to_owned());
    words.extend(Alarm::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(Alarm::ALL.iter().map(|word| word.event().to_owned()));
    words.extend(Reason::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(FaultKind::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(Refused::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(Dropped::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(Refusal::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(Sent::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(NoTls::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(ldap::Closed::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(ldap::Refusal::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(ldap::Bound::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(ldap::Operation::ALL.iter().map(|word| word.code().to_owned()));
    words.extend(ldap::Skipped::ALL.iter().map(|word| word.code().to_owned()));
    let sources = written().into_iter().filter(|(path, _)| path.starts_with("src/"));
    for (_, text) in sources {
        for before in ["event = \"", "event: \"", "\"admin."] {
            for rest in text.split(before).skip(1) {
                let word = rest.split(['"', ' ']).next().unwrap();
                let word = if before == "\"admin." { format!("admin.{word}") } else { word.to_owned() };
                words.extend(word.contains('.').then_some(word));
            }
        }
    }
    let told = |word: &String| manual.contains(&format!("\n| `{word}` |"));
    let missing: Vec<_> = words.iter().filter(|word| !told(word)).cloned().collect();
    assert!(words.len() > 140, "only {} words were found", words.len());
    assert!(missing.is_empty(), "docs/man/doorward-words.7.md does not explain: {missing:?}");
    // Whoever looks a word up begins at its heading, and some words have another meaning elsewhere.
    let section =
        |title: &str| manual.split(&format!("## {title}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let operations = section("LDAP operations");
    for word in ldap::Refusal::ALL.iter().map(|word| word.code()) {
        assert!(operations.contains(&format!("\n| `{word}` |")), "{word} is not among the operations");
    }
}

#[test]
fn every_column_of_the_store_is_in_the_page_about_data_and_nothing_else_f_001() {
    let page = fs::read_to_string(root().join("docs/data.md")).unwrap();
    let row = |field: &Field| {
        let nature = match field.nature {
            Nature::Sealed => "sealed",
            Nature::Pseudonymous => "anonymous id",
            Nature::Plain => "about nobody",
        };
        format!("| `{}.{}` | {} | {nature} | {} |", field.table, field.column, field.purpose, field.kept)
    };
    let expected: Vec<String> = INVENTORY.iter().map(row).collect();
    let section = page.split("\n## The store\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let told: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(told, expected);
}

#[test]
fn every_alarm_has_a_section_that_says_what_to_do() {
    let alarms = fs::read_to_string(root().join("docs/alarms.md")).unwrap();
    for alarm in Alarm::ALL {
        assert!(alarms.contains(&format!("\n## `{}`: ", alarm.code())), "{}", alarm.code());
    }
}

// ---- the first ten minutes ----------------------------------------------------------------------------

/// A file that only its owner can read.
fn private(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_settings_in_the_readme_have_neither_mistakes_nor_doubts() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [vpn, application] = blocks[..] else { panic!("{} blocks of settings", blocks.len()) };
    // As the text says, in front of the rule that refuses everybody else.
    let (begin, end) = vpn.split_at(vpn.find("[[rule]]").unwrap());
    let settings = format!("{begin}{application}\n{end}");
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let settings = settings.replace("/etc/doorward", here.to_str().unwrap());
    // Whoever copies it next year is told that the day has passed; here it is always ahead.
    let ahead = jiff::Zoned::now().date() + jiff::Span::new().days(200);
    let settings = settings.replace("valid-until = \"2027-10-31\"", &format!("valid-until = \"{ahead}\""));
    fs::write(here.join("doorward.toml"), settings).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    fs::write(here.join("corp-ca.pem"), authority.pem()).unwrap();
    let host = rcgen::CertificateParams::new(vec!["doorward.corp.example".to_owned()]).unwrap();
    fs::write(here.join("ldap.pem"), host.self_signed(&key).unwrap().pem()).unwrap();
    private(&here.join("ldap-key"), &key.serialize_pem());
    private(&here.join("corp-service"), "not a real password\n");
    private(&here.join("vpn-1"), "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u\n");
    for command in [&["key", "generate"][..], &["check"], &["show", "--json"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .env("CREDENTIALS_DIRECTORY", here)
            .arg("--config")
            .arg(here.join("doorward.toml"))
            .args(command)
            .output()
            .unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "doorward {}: {complained}", command.join(" "));
        assert!(complained.is_empty(), "doorward {}: {complained}", command.join(" "));
        assert!(!said.contains("not a real password"), "a secret was shown");
    }
}
