//! Tables of networks, hours, calendars, rules, exemptions and expectations, made of bytes.

/// Numbers out of bytes; zeros when they are used up.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % limit
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }

    /// Mostly the first, which is in order.
    fn mostly<'t>(&mut self, first: &[&'t str], odd: &[&'t str]) -> &'t str {
        if self.below(12) == 11 { self.pick(odd) } else { self.pick(first) }
    }
}

/// Names and settings that stand in each of them.
const SETS: &str = r#"[[network]]
name = "office"
prefixes = ["203.0.113.0/24", "2001:db8::/32"]
file = "office.txt"
[[window]]
name = "hours"
zone = "Europe/Istanbul"
hours = [{ days = ["mon-fri"], from = "08:00", to = "19:00" }, { days = ["sat"], from = "22:00", to = "06:00" }]
[[calendar]]
name = "holidays"
zone = "Europe/Istanbul"
days = ["2026-10-29", "2026-12-24/2026-12-31"]
file = "holidays.ics"
[[reply]]
name = "full"
attributes = [{ name = "Filter-Id", value = "full" }]
"#;

const CONDITIONS: [(&str, &[&str]); 19] = [
    ("client", &["[\"vpn-1\"]"]),
    ("client-group", &["[\"outside\"]", "[\"outside\", \"inside\"]"]),
    ("listener", &["[\"0.0.0.0:1812\"]", "[\"127.0.0.1:1812\"]"]),
    ("protocol", &["[\"radius\"]", "[\"radius\", \"ldap\"]"]),
    ("directory", &["[\"local\"]"]),
    ("group", &["[\"VPN Users\"]", "[\"Nobody\", \"VPN Users\"]"]),
    ("subject", &["[\"p7f3kq2m5xw4nt6b8z9c\"]"]),
    (
        "network",
        &["[\"office\"]", "[\"10.0.0.0/8\", \"unknown\"]", "[\"unknown\"]", "[\"::/0\", \"0.0.0.0/0\"]"],
    ),
    ("country", &["[\"TR\"]", "[\"TR\", \"DE\"]"]),
    ("asn", &["[64496]", "[4294967295]"]),
    (
        "time",
        &[
            "[\"hours\"]",
            "[{ days = [\"sun\"], from = \"23:30\", to = \"00:30\", zone = \"Australia/Lord_Howe\" }]",
            "[\"hours\", { days = [\"mon-sun\"], from = \"00:00\", to = \"00:00\", zone = \"UTC\" }]",
        ],
    ),
    ("calendar", &["[\"holidays\"]"]),
    ("first-login", &["true", "false"]),
    ("new-network", &["true", "false"]),
    ("last-login-before", &["30", "1"]),
    ("first-credential", &["[\"password\"]", "[\"password\", \"ms-chap-v2\"]"]),
    ("enrolled", &["[\"totp\"]", "[\"nothing\"]", "[\"totp\", \"nothing\"]"]),
    ("any", &[]),
    ("not", &[]),
];
const OUTCOMES: [&str; 6] = [
    "\"refuse\"",
    "\"none\"",
    "{ require = [\"totp\"] }",
    "{ require = [\"hotp\", \"recovery\"] }",
    "{ require-all = [\"totp\", \"recovery\"] }",
    "{ require-all = [\"hotp\"] }",
];
const OPTIONS: [&str; 12] = [
    "grace-until = \"2027-01-31\"",
    "offer = \"Please enrol\"",
    "shadow = true",
    "remember = \"8h\"",
    "session-timeout = \"8h\"",
    "reply = [\"full\"]",
    "reply = []",
    "say = \"not-now\"",
    "say = \"not-here\"",
    "valid-from = \"2026-11-01\"",
    "valid-until = \"2027-01-31\"",
    "valid-until = \"2026-01-31\"",
];
/// Wrong nearly everywhere.
const ODD: [&str; 14] = [
    "[]",
    "\"\"",
    "0",
    "-1",
    "true",
    "[\"\"]",
    "{}",
    "[[]]",
    "\"office\"",
    "[\"nobody-knows\"]",
    "[\"office\", \"office\"]",
    "2026-13-01",
    "[4294967296]",
    "\"9999999999d\"",
];

/// Tables that stand behind the clients.
pub(crate) fn tables(bytes: &[u8]) -> String {
    let mut dice = Dice(bytes.iter());
    let mut text = SETS.to_owned();
    for number in 0..dice.below(7) {
        text += &format!("[[rule]]\nname = \"r{}\"\n", if dice.below(20) == 19 { 0 } else { number });
        for (key, value) in conditions(3, &mut dice) {
            text += &format!("{key} = {value}\n");
        }
        text += &format!("then = {}\n", dice.mostly(&OUTCOMES, &ODD));
        let mut before: Vec<&str> = Vec::new();
        for _ in 0..dice.below(4) {
            let option = dice.pick(&OPTIONS);
            let key = option.split(' ').next().unwrap();
            if !before.contains(&key) {
                text += &match dice.mostly(&[""], &ODD) {
                    "" => format!("{option}\n"),
                    odd => format!("{key} = {odd}\n"),
                };
            }
            before.push(key);
        }
    }
    if dice.below(3) == 2 {
        text += &exemption(&mut dice);
    }
    if dice.below(3) == 2 {
        text += &expectation(&mut dice);
    }
    text
}

fn conditions(depth: usize, dice: &mut Dice<'_>) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for _ in 0..=dice.below(3) {
        let (key, values) = CONDITIONS[dice.below(CONDITIONS.len())];
        let value = match key {
            "any" if depth > 0 => {
                let inner: Vec<String> = (0..=dice.below(2)).map(|_| inline(depth - 1, dice)).collect();
                format!("[{}]", inner.join(", "))
            }
            "not" if depth > 0 => inline(depth - 1, dice),
            "any" | "not" => continue,
            _ => dice.mostly(values, &ODD).to_owned(),
        };
        let key = if key == "any" { dice.pick(&["any", "all"]) } else { key };
        if all.iter().all(|(before, _)| *before != key) {
            all.push((key, value));
        }
    }
    all
}

fn inline(depth: usize, dice: &mut Dice<'_>) -> String {
    let all = conditions(depth, dice);
    let all: Vec<String> = all.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", all.join(", "))
}

fn exemption(dice: &mut Dice<'_>) -> String {
    let mut text = "[[exemption]]\nname = \"wiki\"\nclient = [\"vpn-1\"]\naccount = \"CN=wiki,DC=corp\"\nmay = [\"bind\"]\n".to_owned();
    text += &format!(
        "source = [\"{}\"]\n",
        dice.mostly(&["192.0.2.10", "192.0.2.0/24"], &["office", "192.0.2.9/24"])
    );
    text += &format!("owner = {}\nreason = \"a test\"\n", dice.mostly(&["\"us\""], &ODD));
    text += dice.pick(&["", "valid-until = \"2027-01-01\"\n", "kind = \"break-glass\"\n", "alarm = true\n"]);
    text
}

fn expectation(dice: &mut Dice<'_>) -> String {
    let mut text =
        "[[expect]]\nname = \"one\"\nclient = \"vpn-1\"\nat = \"2026-11-20T10:00:00+03:00\"\n".to_owned();
    text += dice.pick(&["", "user = \"alice\"\n", "group = [\"VPN Users\"]\n", "from = \"203.0.113.7\"\n"]);
    text += dice.pick(&["", "enrolled = [\"totp\"]\n", "country = \"TR\"\n", "last-login-days = 3\n"]);
    text += &format!("then = {}\n", dice.mostly(&OUTCOMES, &ODD));
    text
}
