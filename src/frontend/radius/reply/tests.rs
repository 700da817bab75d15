use super::*;
use crate::frontend::radius::reply::source::{FromAccount, Take};
use crate::frontend::radius::reply::target::{Form, Refused, Untellable};
use crate::wire::radius::attribute::{Attributes, vendor_attributes};
use crate::wire::radius::encode::Unfit;

/// Somebody in these groups, with these attributes.
fn account(groups: &[&str], attributes: &[(&str, &[&str])]) -> Account {
    let values = |texts: &&[&str]| texts.iter().map(|text| text.as_bytes().into()).collect();
    Account {
        groups: Arc::new(groups.iter().map(|group| Box::from(*group)).collect()),
        attributes: Arc::new(
            attributes.iter().map(|(name, texts)| (Box::from(*name), values(texts))).collect(),
        ),
        ..Account::new("corp", b"1", "")
    }
}

fn target(name: &str) -> Target {
    Target::named(name, false).unwrap()
}

fn fixed(name: &str, text: &str) -> Attribute {
    let target = target(name);
    let whole = target.whole(text).unwrap();
    Attribute { target, source: Source::Fixed(whole), missing: Missing::Refuse }
}

/// From `attribute` of the account, as `change` has it.
fn from(name: &str, attribute: &str, change: impl FnOnce(&mut FromAccount)) -> Attribute {
    let mut source = FromAccount {
        name: attribute.into(),
        before: "".into(),
        after: "".into(),
        allow: "".into(),
        take: Take::All,
    };
    change(&mut source);
    Attribute { target: target(name), source: Source::Account(Box::new(source)), missing: Missing::Refuse }
}

fn by_group(name: &str, rows: &[(&str, &str)], every: bool) -> Attribute {
    let target = target(name);
    let rows = rows.iter().map(|(group, text)| (Box::from(*group), target.whole(text).unwrap())).collect();
    Attribute { target, source: Source::Groups { rows, every }, missing: Missing::Refuse }
}

fn rule(name: &str, groups: Option<&[&str]>, attributes: Vec<Attribute>) -> Arc<Rule> {
    let groups = groups.map(|groups| groups.iter().map(|group| Box::from(*group)).collect());
    Arc::new(Rule { name: name.into(), groups, attributes })
}

fn rules(choice: Choice, rules: Vec<Arc<Rule>>) -> Rules {
    Rules { rules, choice, without: Without::Refuse }
}

/// Only these attributes, for everybody.
fn told(attributes: Vec<Attribute>, account: &Account) -> Result<Vec<String>, Why> {
    match rules(Choice::First, vec![rule("r", None, attributes)]).attributes(account, None) {
        Ok(bytes) => Ok(shown(&bytes)),
        Err(Failed::Attribute { why, .. }) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

/// `type=text`, or `vendor/type=text`; bytes that are no text in hexadecimal.
fn shown(bytes: &[u8]) -> Vec<String> {
    let text = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => data_encoding::HEXLOWER.encode(value),
    };
    let mut walk = Attributes::new(bytes, 0);
    let mut all = Vec::new();
    while let Some(attribute) = walk.step().unwrap() {
        match attribute.kind {
            26 => all.extend(
                vendor_attributes(attribute.value)
                    .unwrap()
                    .map(|one| format!("{}/{}={}", one.vendor, one.kind, text(one.value))),
            ),
            kind => all.push(format!("{kind}={}", text(attribute.value))),
        }
    }
    all
}

#[test]
fn attributes_stand_in_the_order_of_the_configuration_each_in_its_own_form_e_006() {
    let all = vec![
        fixed("Class", "OU=admins;"),
        fixed("filter-id", "vpn"),
        fixed("Framed-IP-Address", "192.0.2.7"),
        fixed("Tunnel-Type:1", "VLAN"),
        fixed("Tunnel-Private-Group-ID:1", "20"),
        fixed("Session-Timeout", "3600"),
        fixed("Fortinet-Group-Name", "admins"),
        fixed("Class", "second"),
    ];
    let expected = [
        "25=OU=admins;",
        "11=vpn",
        "8=c0000207",
        "64=0100000d",
        "81=013230",
        "27=00000e10",
        "12356/1=admins",
        "25=second",
    ];
    assert_eq!(told(all, &account(&[], &[])).unwrap(), expected);
}

#[test]
fn values_of_an_account_are_told_with_what_stands_around_them_in_an_order_that_does_not_change() {
    let class = |take| {
        vec![from("Class", "department", |from| {
            (from.before, from.after, from.take) = ("OU=".into(), ";".into(), take);
        })]
    };
    let two = account(&[], &[("department", &["sales", "it", "sales", " "])]);
    assert_eq!(told(class(Take::All), &two).unwrap(), ["25=OU=it;", "25=OU=sales;"]);
    assert_eq!(told(class(Take::First), &two).unwrap(), ["25=OU=it;"]);
    assert_eq!(told(class(Take::Only), &two), Err(Why::Several("department".into(), 2)));
    let one = account(&[], &[("department", &["Sales & Co", ""])]);
    assert_eq!(told(class(Take::Only), &one).unwrap(), ["25=OU=Sales & Co;"]);
}

#[test]
fn a_value_with_a_sign_that_divides_values_is_refused_and_never_changed_e_006() {
    for (name, before, after, value, sign) in [
        ("Class", "OU=", ";", "sales;OU=admins", ';'),
        ("Class", "", "", "OU=admins", '='),
        ("Filter-Id", "", "", "users,admins", ','),
        ("Citrix-User-Groups", "", "", "users|admins", '|'),
        ("Fortinet-Group-Name", "", "", "users\"admins", '"'),
        ("Class", "group:", "", "a:b", ':'),
        ("Filter-Id", "<", ">", "a>b", '>'),
    ] {
        let attribute =
            || from(name, "department", |from| (from.before, from.after) = (before.into(), after.into()));
        let somebody = account(&[], &[("department", &[value])]);
        assert_eq!(
            told(vec![attribute()], &somebody),
            Err(Why::Separator("department".into(), sign)),
            "{value}"
        );
        let good = account(&[], &[("department", &["VPN users_2.x-y"])]);
        assert!(told(vec![attribute()], &good).is_ok());
    }
    let allowed = from("Filter-Id", "department", |from| from.allow = ",".into());
    let somebody = account(&[], &[("department", &["Sales, North"])]);
    assert_eq!(told(vec![allowed], &somebody).unwrap(), ["11=Sales, North"]);
}

#[test]
fn what_a_directory_holds_is_never_read_as_a_tag_or_as_bytes_in_hexadecimal() {
    let value = |name: &str, text: &str| {
        let somebody = account(&[], &[("x", &[text])]);
        told(vec![from(name, "x", |_| {})], &somebody)
    };
    assert_eq!(value("Tunnel-Private-Group-ID", "1:20"), Err(Why::Ambiguous("x".into())));
    assert_eq!(value("Tunnel-Private-Group-ID:2", "1:20").unwrap(), ["81=02313a3230"]);
    assert_eq!(value("Tunnel-Private-Group-ID", "lab:20").unwrap(), ["81=lab:20"]);
    assert_eq!(value("Class", "0x41"), Err(Why::Ambiguous("x".into())));
    assert_eq!(value("Filter-Id", "0x41").unwrap(), ["11=0x41"]);
    let bytes = from("Class", "x", |from| from.before = "0x".into());
    assert_eq!(told(vec![bytes], &account(&[], &[("x", &["41"])])).unwrap(), ["25=A"]);
}

#[test]
fn a_value_that_does_not_fit_is_refused_and_never_cut() {
    let value = |name: &str, text: &str| {
        let somebody = account(&[], &[("x", &[text])]);
        told(vec![from(name, "x", |_| {})], &somebody)
    };
    assert_eq!(value("Filter-Id", &"x".repeat(253)).unwrap().len(), 1);
    for (name, text) in [
        ("Filter-Id", &*"x".repeat(254)),
        ("Fortinet-Group-Name", &"x".repeat(248)),
        ("Tunnel-Private-Group-ID:1", &"x".repeat(253)),
        ("Framed-IP-Address", "10.0.0"),
        ("Session-Timeout", "0"),
        ("Session-Timeout", "-1"),
        ("Idle-Timeout", "4294967296"),
    ] {
        assert!(matches!(value(name, text), Err(Why::Unfit(_, Refused::Unfit(_)))), "{name} {}", text.len());
    }
    assert_eq!(value("Filter-Id", "a\u{200b}b"), Err(Why::Hidden("x".into())));
    let mut odd = account(&[], &[]);
    odd.attributes = Arc::new([(Box::from("x"), vec![Box::from(*b"\xff")])].into());
    assert_eq!(told(vec![from("Filter-Id", "x", |_| {})], &odd), Err(Why::NotText("x".into())));
}

#[test]
fn an_address_may_be_a_number_with_a_sign_as_active_directory_has_it() {
    let value = |text: &str| {
        told(vec![from("Framed-IP-Address", "x", |_| {})], &account(&[], &[("x", &[text])])).unwrap()
    };
    assert_eq!(value("-1062731519"), ["8=c0a80101"], "192.168.1.1");
    assert_eq!(value("167772161"), ["8=0a000001"]);
    assert_eq!(value("10.0.0.1"), ["8=0a000001"]);
}

#[test]
fn a_mapping_that_fails_lets_nobody_in_unless_it_may_be_left_out() {
    let omit = |attribute| Attribute { missing: Missing::Omit, ..attribute };
    let nobody = account(&["guests"], &[("department", &[""])]);
    let group = || by_group("Filter-Id", &[("staff", "staff")], false);
    let department = || from("Class", "department", |_| {});
    assert_eq!(told(vec![group()], &nobody), Err(Why::NoGroup));
    assert_eq!(told(vec![department()], &nobody), Err(Why::NoValue("department".into())));
    let left = vec![omit(group()), omit(department()), fixed("Filter-Id", "guest")];
    assert_eq!(told(left, &nobody).unwrap(), ["11=guest"]);
    // What is there and wrong is never left out.
    let wrong = account(&[], &[("department", &["a;b"])]);
    assert!(told(vec![omit(department())], &wrong).is_err());
    assert_eq!(rules(Choice::First, vec![rule("r", None, vec![group()])]).tell(&nobody, None), Err(Untold));
}

#[test]
fn of_groups_the_first_that_fits_in_the_order_of_the_file_counts_or_every_one() {
    let rows = [("admins", "A"), ("users", "U"), ("all", "X")];
    let both = account(&["all", "users"], &[]);
    assert_eq!(told(vec![by_group("Class", &rows, false)], &both).unwrap(), ["25=U"]);
    assert_eq!(told(vec![by_group("Class", &rows, true)], &both).unwrap(), ["25=U", "25=X"]);
}

#[test]
fn the_first_rule_counts_or_all_that_fit() {
    let list = || {
        vec![
            rule("admins", Some(&["admins"]), vec![fixed("Class", "admins"), fixed("Filter-Id", "all")]),
            rule("users", Some(&["users"]), vec![fixed("Class", "users"), fixed("Filter-Id", "some")]),
            rule("rest", None, vec![fixed("Idle-Timeout", "600"), fixed("Class", "users")]),
        ]
    };
    let both = account(&["users", "admins"], &[]);
    let of = |choice, account: &Account| shown(&rules(choice, list()).attributes(account, None).unwrap());
    assert_eq!(of(Choice::First, &both), ["25=admins", "11=all"]);
    let merged = ["25=admins", "11=all", "25=users", "28=00000258"];
    assert_eq!(of(Choice::Merge, &both), merged, "one Filter-Id, and nothing twice (A-075)");
    assert_eq!(of(Choice::First, &account(&[], &[])), ["28=00000258", "25=users"]);
}

#[test]
fn an_attribute_that_stands_once_is_told_by_the_first_that_has_a_value() {
    let own = || Attribute { missing: Missing::Omit, ..from("Framed-IP-Address", "ip", |_| {}) };
    let list = || {
        let first = vec![own(), fixed("Framed-IP-Address", "192.0.2.1")];
        vec![rule("a", None, first), rule("b", None, vec![fixed("Framed-IP-Address", "192.0.2.2")])]
    };
    let of = |account: &Account| shown(&rules(Choice::Merge, list()).attributes(account, None).unwrap());
    assert_eq!(of(&account(&[], &[("ip", &["10.0.0.9"])])), ["8=0a000009"]);
    assert_eq!(of(&account(&[], &[])), ["8=c0000201"]);
    let two = vec![fixed("Filter-Id", "a"), fixed("Filter-Id", "b")];
    assert_eq!(told(two, &account(&[], &[])).unwrap(), ["11=a", "11=b"], "A-075: said twice on purpose");
}

#[test]
fn whom_no_rule_fits_is_refused_or_told_nothing_as_it_was_said() {
    let mut rules = rules(Choice::First, vec![rule("r", Some(&["x"]), vec![fixed("Class", "x")])]);
    let nobody = account(&["y"], &[]);
    assert_eq!(rules.attributes(&nobody, None), Err(Failed::NoRule));
    rules.without = Without::Accept;
    assert!(rules.attributes(&nobody, None).unwrap().is_empty());
}

#[test]
fn what_an_accept_has_no_room_for_is_not_told_in_part() {
    let values: Vec<String> = (0..40).map(|n| format!("{n:03}{}", "x".repeat(150))).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let all = rules(Choice::First, vec![rule("r", None, vec![from("Class", "x", |_| {})])]);
    assert_eq!(all.attributes(&account(&[], &[("x", &values)]), None), Err(Failed::TooMuch));
    assert!(all.attributes(&account(&[], &[("x", &values[..26])]), None).is_ok());
}

#[test]
fn rights_over_the_device_need_a_rule_that_says_so_a_076_e_007() {
    for name in ["PaloAlto-Admin-Role", "Juniper-Local-User-Name", "CP-Gaia-User-Role", "Attr-26.9999.1"] {
        assert_eq!(Target::named(name, false).unwrap_err(), Untellable::Administrative, "{name}");
        assert!(Target::named(name, true).is_ok(), "{name}");
    }
    for (name, text, harmless) in [
        ("Service-Type", "Administrative-User", "Framed-User"),
        ("Service-Type", "7", "2"),
        ("Cisco-AVPair", "shell:priv-lvl=15", "ip:addr-pool=vpn"),
    ] {
        assert_eq!(target(name).whole(text), Err(Refused::Administrative), "{text}");
        assert!(target(name).whole(harmless).is_ok(), "{harmless}");
        assert!(Target::named(name, true).unwrap().whole(text).is_ok(), "{text}");
    }
    let pair = from("Cisco-AVPair", "x", |from| from.allow = "=:".into());
    let somebody = account(&[], &[("x", &["shell:priv-lvl=15"])]);
    assert_eq!(told(vec![pair], &somebody), Err(Why::Unfit("x".into(), Refused::Administrative)));
}

#[test]
fn what_belongs_to_the_conversation_or_is_hidden_cannot_be_told_and_the_reason_is_said() {
    for name in [
        "State",
        "Proxy-State",
        "Message-Authenticator",
        "EAP-Message",
        "Prompt",
        "Acct-Session-Id",
        "NAS-Port",
        "Vendor-Specific",
    ] {
        let why = Target::named(name, true).unwrap_err();
        assert!(matches!(why, Untellable::Never(_) | Untellable::Secret), "{name}: {why}");
    }
    for name in ["Tunnel-Password", "MS-MPPE-Send-Key", "MS-MPPE-Recv-Key", "User-Password"] {
        assert_eq!(Target::named(name, true).unwrap_err(), Untellable::Secret, "{name}");
    }
    assert_eq!(Target::named("Reply-Message", true).unwrap_err(), Untellable::Text, "A-066");
    let near = |name| match Target::named(name, false) {
        Err(Untellable::Unknown(near)) => near,
        other => panic!("{other:?}"),
    };
    assert_eq!(near("Fortinet-Groupname"), Some("Fortinet-Group-Name"));
    assert_eq!(near("filterid"), Some("Filter-Id"));
    assert_eq!(near("Teapot"), None);
    assert!(matches!(Target::named("Class:1", false), Err(Untellable::Tag(_))));
    assert!(matches!(Target::named("Tunnel-Type:32", false), Err(Untellable::Tag(_))));
    assert_eq!(target("Class").form(), Form::Bytes);
}

#[test]
fn an_interval_of_accounting_is_no_shorter_than_a_minute() {
    let interval = target("Acct-Interim-Interval");
    assert_eq!(interval.whole("59"), Err(Refused::Interval));
    assert!(interval.whole("60").is_ok());
    assert!(matches!(interval.whole("often"), Err(Refused::Unfit(Unfit::Number { .. }))));
}

#[test]
fn what_is_said_about_a_failure_names_rule_and_attribute_and_never_a_value() {
    let all = rules(Choice::First, vec![rule("r1", None, vec![from("Class", "department", |_| {})])]);
    let somebody = account(&[], &[("department", &["Top;Secret"])]);
    let why = all.why_not(&somebody, None).unwrap();
    let expected = "reply \"r1\": Class: a value of \"department\" holds ';', which may divide or end values on the device";
    assert_eq!(why, expected);
    assert_eq!(all.why_not(&account(&[], &[("department", &["x"])]), None), None);
}

#[test]
fn where_the_deciding_rule_names_reply_rules_the_others_are_silent() {
    let one = |name: &str| rule(name, None, vec![fixed("Class", name)]);
    let all = rules(Choice::Merge, vec![one("a"), one("b")]);
    let somebody = account(&[], &[]);
    let told = |only: Option<&[Arc<str>]>| all.attributes(&somebody, only);
    let of = |name: &str| target("Class").whole(name).unwrap().to_vec();
    assert_eq!(told(None), Ok([of("a"), of("b")].concat()));
    assert_eq!(told(Some(&["b".into()])), Ok(of("b")));
    assert_eq!(told(Some(&["elsewhere".into()])), Err(Failed::NoRule), "as if the client had no other");
}

#[test]
fn where_rules_that_may_match_name_no_reply_rule_in_common_nobody_is_told_of_a_075() {
    let mut all = rules(Choice::Merge, vec![rule("a", None, vec![fixed("Class", "a")])]);
    for without in [Without::Refuse, Without::Accept] {
        all.without = without;
        assert_eq!(all.attributes(&account(&[], &[]), Some(&[])), Err(Failed::NoneInCommon));
    }
}
