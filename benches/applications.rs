//! Applications that bind as their users over LDAP, in front of a directory that costs nothing, or of OpenLDAP's.

use std::ops::Range;

use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::request::Scope;

use crate::asking::{self, Answered, Ask, Door, Line, Peer};
use crate::lab::Lab;
use crate::people::{self, PASSWORD, dn, name};
use crate::responder::{MANY, Responder, SERVICE};
use crate::support::authority::Authority;
use crate::support::slapd::Slapd;
use crate::table::{self, Row};
use crate::{ROUNDS, Report, machine, support};

/// Connections that ask at once in the cases that look for the most there can be.
pub const MANY_AT_ONCE: usize = 64;
/// Users of one case, who all bind once in each round, and those of its rounds one at a time.
const CROWD: usize = 6000;
const SINGLES: usize = 500;
/// With handshakes.
const TLS_CROWD: usize = 2500;
/// People in OpenLDAP's server.
const SLAPD_CROWD: usize = 3000;
/// Seconds that a round may take without leaving its time step.
const QUIET: i64 = 14;
/// Connections that wait.
const IDLE: usize = 10_000;

/// A gateway in front of a directory that answers out of its head, where the first `users` have a generator.
struct Stage {
    _directory: Responder,
    authority: Authority,
    lab: Lab,
}

impl Stage {
    fn set(users: usize) -> Self {
        let directory = Responder::start();
        let authority = Authority::new();
        let mut lab = people::fronted(people::folder(), &directory.address.to_string(), &authority);
        people::enrol(&mut lab, (0..users).map(|n| people::entry_uuid(n).into_bytes()));
        lab.run();
        Self { _directory: directory, authority, lab }
    }

    fn plain(&self) -> Door {
        Door::plain(self.lab.ldap_address("plain"))
    }

    fn tls(&self) -> Door {
        Door::tls(self.lab.ldap_address("ldaps"), self.authority.pem().as_bytes())
    }
}

/// What a user does in a turn, with his name and his password field.
pub type Turn = fn(&str, &str) -> Vec<Ask>;

pub fn bind_alone(name: &str, field: &str) -> Vec<Ask> {
    vec![asking::bind(&dn(name), field)]
}

/// As applications do that find out a name's entry first.
pub fn search_and_bind(name: &str, field: &str) -> Vec<Ask> {
    let filter = Filter::Equal("uid", name.as_bytes());
    let found = asking::look("dc=lab,dc=test", Scope::Subtree, &filter);
    vec![asking::bind(SERVICE, PASSWORD), found, asking::bind(&dn(name), field)]
}

fn turns(users: Range<usize>, round: i64, turn: Turn) -> Vec<Vec<Ask>> {
    let field = people::field(round - 1, QUIET);
    users.map(|n| turn(&name(n), &field)).collect()
}

/// Connections that are kept, or none that is.
pub fn lines(runtime: &tokio::runtime::Runtime, door: &Door, kept: bool, window: usize) -> Vec<Line> {
    if kept {
        let peers = asking::open_many(runtime, door, window, |_| Vec::new());
        peers.into_iter().map(|peer| Line::Kept(Box::new(peer))).collect()
    } else {
        (0..window).map(|_| Line::New(door.clone())).collect()
    }
}

/// Everybody of a crowd takes a turn once per round, each time with a later code; then some, one by one.
struct Case {
    goal: &'static str,
    name: &'static str,
    door: Door,
    kept: bool,
    turn: Turn,
    users: Range<usize>,
}

impl Case {
    fn run(self, report: &mut Report, pid: u32) {
        let crowd = self.users.start..self.users.end - SINGLES;
        let each = report.add((0..ROUNDS).map(|round| self.round(pid, crowd.clone(), round, MANY_AT_ONCE)));
        report.figures.add(self.goal, each);
        report.add([self.round(pid, crowd.end..self.users.end, 0, 1)]);
    }

    fn round(&self, pid: u32, users: Range<usize>, round: i64, window: usize) -> Row {
        let runtime = asking::runtime();
        // First, since it may wait for the next step, and a connection that says nothing is closed.
        let turns = turns(users, round, self.turn);
        let lines = lines(&runtime, &self.door, self.kept, window);
        let ((score, _, _lines), cpu) = table::with_cpu(pid, || asking::take_turns(&runtime, lines, turns));
        Row { case: self.name, window, cpu, score }
    }
}

/// Binds with a code.
pub fn binds(report: &mut Report) {
    let all = 3 * (CROWD + SINGLES) + TLS_CROWD + SINGLES;
    let stage = Stage::set(all);
    let (plain, tls) = (stage.plain(), stage.tls());
    let cases: [(&str, &str, &Door, bool, Turn, usize); 4] = [
        ("L1", "LDAP bind, kept connections", &plain, true, bind_alone, CROWD),
        ("L2", "LDAP connect, bind, unbind", &plain, false, bind_alone, CROWD),
        ("L3", "LDAP service bind, search, user's bind, kept", &plain, true, search_and_bind, CROWD),
        ("L4", "LDAPS connect, bind, unbind", &tls, false, bind_alone, TLS_CROWD),
    ];
    let mut from = 0;
    for (goal, name, door, kept, turn, crowd) in cases {
        let users = from..from + crowd + SINGLES;
        from = users.end;
        Case { goal, name, door: door.clone(), kept, turn, users }.run(report, stage.lab.pid());
    }
}

/// What we add to a bind that OpenLDAP's server answers, at half of the load that both can take.
pub fn added(report: &mut Report) {
    if let Some(missing) = ["slapd", "ldapadd", "ldapsearch"].into_iter().find(|p| support::find(p).is_none())
    {
        table::figure("LDAP bind in front of slapd", &format!("not measured: {missing} is not installed"));
        return;
    }
    let Some(slapd) = Slapd::start_open("") else { return };
    assert!(slapd.add(&people::ldif(SLAPD_CROWD, SLAPD_CROWD)), "ldapadd");
    let known = slapd.values("entryUUID", "uid");
    let server = format!("127.0.0.1:{}", slapd.port);
    let mut lab = people::fronted(people::folder(), &server, &slapd.authority);
    people::enrol(&mut lab, (0..SLAPD_CROWD).map(|n| known[&name(n)].clone().into_bytes()));
    lab.run();
    let door = Door::plain(lab.ldap_address("plain"));
    let users = 0..SLAPD_CROWD;
    let case = Case { goal: "L5", name: "LDAP bind, kept, slapd", door, kept: true, turn: bind_alone, users };
    let most = case.round(lab.pid(), 0..SLAPD_CROWD, 0, MANY_AT_ONCE);
    let rate = most.score.rate() / 2.0;
    report.add([most]);
    let paced = |case, address, field: &str| {
        let asks: Vec<Ask> = (0..SLAPD_CROWD).map(|n| asking::bind(&dn(&name(n)), field)).collect();
        let (score, cpu) = table::with_cpu(lab.pid(), || asking::ask_paced(address, &asks, rate, 8));
        Row { case, window: 8, cpu, score }
    };
    let (plain, bare) = (lab.ldap_address("plain"), server.parse().unwrap());
    let p50 = |row: &Row| row.score.waits.quantile(0.5);
    let best = |rows: [Row; 2]| rows.into_iter().min_by(|a, b| p50(a).total_cmp(&p50(b)));
    let bare = |_| paced("LDAP bind at half load, slapd alone", bare, PASSWORD);
    let ours = |round| paced("LDAP bind at half load, through us", plain, &people::field(round, QUIET));
    let bare = best([0, 1].map(bare)).unwrap();
    let ours = best([0, 1].map(ours)).unwrap();
    let at = |part| ours.score.waits.quantile(part) - bare.score.waits.quantile(part);
    let (half, most) = (at(0.5), at(0.99));
    report.add([bare]);
    report.add([ours]);
    table::figure("added to a bind at half load, p50 and p99", &format!("{half:.0} us, {most:.0} us"));
    report.figures.add("L5", half);
}

/// Searches of somebody who is bound.
pub fn relay(report: &mut Report) {
    const BOUND: usize = 16;
    let stage = Stage::set(BOUND + 4 * 5);
    let mut next = 0;
    let mut bound = |runtime: &tokio::runtime::Runtime, door: &Door, count: usize| -> Vec<Line> {
        let field = people::field(0, 2);
        let first = next;
        next += count;
        let bind = |n: usize| bind_alone(&name(first + n), &field);
        let peers: Vec<Peer> = asking::open_many(runtime, door, count, bind);
        peers.into_iter().map(|peer| Line::Kept(Box::new(peer))).collect()
    };
    let pid = stage.lab.pid();
    let all = Filter::Present("objectClass");
    let round = |case, runtime: &tokio::runtime::Runtime, lines: &mut Vec<Line>, ask: &Ask, count| {
        let (window, turns) = (lines.len(), vec![vec![ask.clone()]; count]);
        let turn = || asking::take_turns(runtime, std::mem::take(lines), turns);
        let ((score, sum, kept), cpu) = table::with_cpu(pid, turn);
        *lines = kept;
        (Row { case, window, cpu, score }, sum)
    };
    let runtime = asking::runtime();
    let mut lines = bound(&runtime, &stage.plain(), BOUND);
    let ask = asking::look(&dn(&name(7)), Scope::Base, &all);
    let small = "relayed search, one entry of 250 octets";
    report.add((0..ROUNDS).map(|_| round(small, &runtime, &mut lines, &ask, 30_000).0));
    let cases: [(&'static str, Door, usize, usize, usize); 5] = [
        ("relayed search, 1,000 entries of 128 octets", stage.plain(), 1000, 128, 500),
        ("relayed search, 10,000 entries of 128 octets", stage.plain(), 10_000, 128, 50),
        ("relayed search, 1,000 entries of 1 KiB", stage.plain(), 1000, 1024, 300),
        ("relayed search, 10,000 entries of 1 KiB", stage.plain(), 10_000, 1024, 30),
        ("relayed search, 1,000 of 1 KiB, LDAPS", stage.tls(), 1000, 1024, 300),
    ];
    drop(lines);
    for (case, door, entries, octets, count) in cases {
        let mut lines = bound(&runtime, &door, 4.min(count));
        let ask = asking::look(&format!("cn={entries}x{octets},{MANY}"), Scope::Subtree, &all);
        let rounds: Vec<(Row, Answered)> =
            (0..ROUNDS).map(|_| round(case, &runtime, &mut lines, &ask, count)).collect();
        let (best, sum) = rounds.into_iter().min_by_key(|(row, _)| row.cpu).unwrap();
        assert_eq!(sum.messages, entries * count, "every entry comes");
        let per_entry = best.cpu.as_secs_f64() * 1e6 / sum.messages as f64;
        let per_second = sum.octets as f64 / best.score.elapsed.as_secs_f64() / 1e6;
        report.add([best]);
        table::figure(
            "  of this each entry, and the stream",
            &format!("{per_entry:.2} us of CPU, {per_second:.0} MB/s"),
        );
    }
}

/// Memory of connections that wait.
pub fn idle(_: &mut Report) {
    let files = machine::open_files();
    let mut stage = Stage::set(IDLE);
    type First<'a> = &'a dyn Fn(usize) -> Vec<Ask>;
    let bind = |n: usize| bind_alone(&name(n), &people::field(-1, 2));
    let search = |n: usize, distance| {
        let look = asking::look(&dn(&name(n)), Scope::Base, &Filter::Present("objectClass"));
        [bind_alone(&name(n), &people::field(distance, 2)), vec![look]].concat()
    };
    let kinds: [(&str, bool, usize, First<'_>); 5] = [
        ("an idle connection, nobody bound", false, 1, &|_| vec![asking::root()]),
        ("an idle connection, nobody bound, LDAPS", true, 1, &|_| vec![asking::root()]),
        ("an idle connection, somebody bound", false, 2, &bind),
        ("an idle connection, bound and searched", false, 2, &|n| search(n, 0)),
        ("an idle connection, bound and searched, LDAPS", true, 2, &|n| search(n, 1)),
    ];
    for (what, tls, files_each, first) in kinds {
        stage.lab.end("TERM");
        stage.lab.run();
        let door = if tls { stage.tls() } else { stage.plain() };
        let pid = stage.lab.pid();
        let count = IDLE.min((files - 500) / files_each);
        let runtime = asking::runtime();
        let before = machine::memory(pid);
        let peers = asking::open_many(&runtime, &door, count, first);
        let each = (machine::memory(pid) - before) / peers.len() as f64;
        table::figure(what, &format!("{each:.1} KiB, {} of them, {before:.0} KiB before", peers.len()));
    }
}
