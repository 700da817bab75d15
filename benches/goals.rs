//! What each case may cost: the goals, and how far they are reached.

/// What is to be measured.
pub struct Goal {
    /// Short name, as in `docs/performance.md`.
    pub id: &'static str,
    pub what: &'static str,
    pub unit: &'static str,
    /// What a figure must not exceed; `None` where another figure of the same run says it.
    pub must: Option<f64>,
    /// What it should not exceed.
    pub aim: Option<f64>,
}

/// A goal with one figure that must be reached and one that should be.
const fn goal(id: &'static str, what: &'static str, unit: &'static str, must: f64, aim: f64) -> Goal {
    Goal { id, what, unit, must: Some(must), aim: Some(aim) }
}

/// A goal with the first figure alone.
const fn bound(id: &'static str, what: &'static str, unit: &'static str, must: f64) -> Goal {
    Goal { id, what, unit, must: Some(must), aim: None }
}

/// A goal that is not to be worse than R1.
const fn as_r1(id: &'static str, what: &'static str) -> Goal {
    Goal { id, what, unit: US, must: None, aim: None }
}

/// Microseconds of CPU per request, user and system, of all threads of the program.
const US: &str = "us";
/// The id to which some others are compared.
const R1: &str = "R1";
/// The only one of which more is better.
const R8: &str = "R8";

/// All of them, in the order of the table.
pub const GOALS: [Goal; 37] = [
    goal(R1, "code alone, used once, audit, limits, duplicates", US, 10.0, 7.5),
    goal("R1b", "the same at a fixed 5,000/s", US, 18.0, 14.0),
    goal("R1c p50", "the same, latency", "us of time", 80.0, 65.0),
    goal("R1c p99", "the same, latency", "us of time", 300.0, 180.0),
    goal("R2", "challenge login, both packets", US, 22.0, 16.0),
    goal("R5", "Status-Server", US, 6.0, 5.0),
    goal("R6", "PAP, LDAP search and bind, code", US, 33.0, 25.0),
    goal("R7", "relay to another RADIUS server", US, 16.0, 12.0),
    goal(R8, "logins per second and core, from R1", "1/s", 100_000.0, 130_000.0),
    as_r1("R9 wrong code", "refused login: wrong code"),
    as_r1("R9 nobody", "refused login: a name that nobody has"),
    bound("R10", "duplicate of an answered request", US, 4.0),
    goal("R11 stranger", "dropped: unknown source", US, 4.0, 3.5),
    goal("R11 forged", "dropped: Message-Authenticator wrong", US, 4.0, 3.5),
    goal("R11 malformed", "dropped: no RADIUS packet", US, 4.0, 3.5),
    goal("L1", "LDAP bind with a code, kept connections", US, 20.0, 16.0),
    goal("L2", "LDAP connect, bind with a code, unbind", US, 60.0, 50.0),
    goal("L3", "LDAP service bind, search, user's bind, kept", US, 60.0, 48.0),
    goal("L4", "LDAPS connect, bind with a code, unbind", US, 190.0, 165.0),
    goal("L5", "added to a bind at half load, p50", "us of time", 150.0, 100.0),
    goal("D1", "using a code up so that it survives a crash, many at once", US, 1.0, 0.5),
    goal("M1", "resident after start, 10,000 users in a file", "MB", 20.0, 12.0),
    goal("M2 file", "1,000,000 users in a file who all log in within a month", "MB", 300.0, 120.0),
    goal("M2 LDAP", "1,000,000 people in LDAP who all log in within a month", "MB", 300.0, 120.0),
    bound("M3", "resident after the last minute at full load less that before the first", "MB", 32.0),
    goal("S1 10,000", "start to first answer, 10,000 users in a file", "ms", 50.0, 20.0),
    goal("S1 1,000,000", "the same, 1,000,000 users in a file", "ms", 1500.0, 500.0),
    goal("S1 LDAP", "the same, 1,000,000 enrolments, people in LDAP", "ms", 1500.0, 500.0),
    goal(
        "S2 silence",
        "longest wait for an answer during a reload, 1,000,000 users in a file",
        "ms",
        20.0,
        5.0,
    ),
    bound("S2 memory", "resident after a reload, as a multiple of before", "times", 1.1),
    bound(
        "soak lost",
        "requests lost, answered wrongly or sent more than once, those at full load before it too",
        "requests",
        0.0,
    ),
    bound("soak growth", "resident at the end less that after a tenth of the time", "MB", 32.0),
    bound("soak p99", "p99 of the last minutes, as a multiple of the first", "times", 2.0),
    bound("R10 audit", "audit records of a login that was sent sixteen times", "records", 1.0),
    bound("R11 log", "lines in the log for 900,000 dropped datagrams", "lines", 10.0),
    bound("R11 memory", "resident growth with them", "MB", 8.0),
    bound("R10 answers", "duplicates not answered alike", "requests", 0.0),
];

/// How far a goal is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Aim,
    Must,
    No,
}

impl Reached {
    const fn word(self) -> &'static str {
        match self {
            Self::Aim => "aim",
            Self::Must => "must",
            Self::No => "not reached",
        }
    }
}

/// The figures of this run beside the goals.
#[derive(Default)]
pub struct Figures {
    ours: Vec<(&'static Goal, f64)>,
    /// Of other servers: the goal that theirs belongs to, the case, and the figure.
    peers: Vec<(String, &'static str, f64)>,
    /// What no goal is about, but what a site needs follows from it.
    notes: Vec<(Note, f64)>,
}

/// A figure that has no goal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Microseconds of CPU of a login by itself, with a directory behind it: the dearest there is.
    Alone,
    /// The same where the password stands in a file, as a hash that is meant to be slow.
    Hashed,
    /// MB resident when ten thousand people have logged in.
    Resident,
    /// Octets of the audit's file for each login.
    Audited,
    /// Octets of the store for each enrolment.
    Stored,
}

impl Figures {
    /// Adds one; R8 comes with R1.
    pub fn add(&mut self, id: &str, figure: f64) {
        let goal = GOALS.iter().find(|goal| goal.id == id).unwrap_or_else(|| panic!("no goal {id}"));
        self.ours.push((goal, figure));
        if id == R1 {
            self.add(R8, 1e6 / figure);
        }
    }

    /// Adds one of another server.
    pub fn peer(&mut self, id: &str, case: &'static str, figure: f64) {
        self.peers.push((id.to_owned(), case, figure));
    }

    /// Prints what other servers take, and how many times ours that is.
    pub fn print_peers(&self, json: bool) {
        if self.peers.is_empty() {
            return;
        }
        println!("\n| other servers | CPU us | beside | times ours |\n|---|---:|---|---:|");
        for (id, case, figure) in &self.peers {
            let ours = self.ours.iter().find(|(goal, _)| goal.id == id).map(|(_, ours)| figure / ours);
            let times = ours.map_or("–".to_owned(), short);
            println!("| {case} | {} | {id} | {times} |", short(*figure));
        }
        for (id, case, figure) in self.peers.iter().filter(|_| json) {
            println!("{}", serde_json::json!({ "peer": case, "beside": id, "cpu_us": figure }));
        }
    }

    /// Adds one that has no goal.
    pub fn note(&mut self, what: Note, figure: f64) {
        self.notes.push((what, figure));
    }

    /// Prints what sites of some sizes take, where everybody logs in within a quarter of an hour, each by himself, and
    /// twice on each day of a year that is kept.
    pub fn print_sizes(&self) {
        const MINUTES: f64 = 15.0;
        const LOGINS_A_YEAR: f64 = 2.0 * 365.0;
        let note = |what| self.notes.iter().find(|(noted, _)| *noted == what).map(|(_, figure)| *figure);
        let all = (note(Note::Alone), note(Note::Resident), note(Note::Audited), note(Note::Stored));
        let (Some(alone), Some(small), Some(audited), Some(stored)) = all else { return };
        let large = self.ours.iter().find(|(goal, _)| goal.id == "M2 file").map(|(_, figure)| *figure);
        let show = |figure: Option<f64>| figure.map_or("–".to_owned(), short);
        println!(
            "\n| users | logins a minute at nine | of one core | passwords in a file | resident, MB | disk after a year, GB \
             | machine |\n|---:|---:|---:|---:|---:|---:|---|"
        );
        for users in [500.0, 5_000.0, 50_000.0, 500_000.0] {
            let a_minute = users / MINUTES;
            let cores = |each: f64| a_minute / 60.0 * each / 1e6;
            let beyond = f64::max(users - 10_000.0, 0.0);
            // Of more people than were measured nothing is said.
            let more = |large: f64| small + beyond * (large - small) / 990_000.0;
            let resident = if beyond > 0.0 { large.map(more) } else { Some(small) };
            let disk = users * (stored + audited * LOGINS_A_YEAR) / 1e9;
            println!(
                "| {users:.0} | {a_minute:.0} | {} % | {} % | {} | {} | {} |",
                short(cores(alone) * 100.0),
                show(note(Note::Hashed).map(|each| cores(each) * 100.0)),
                show(resident),
                short(disk),
                show_machine(cores(alone), resident, disk),
            );
        }
    }

    fn must(&self, goal: &Goal) -> Option<f64> {
        let r1 = || self.ours.iter().find(|(goal, _)| goal.id == R1).map(|(_, figure)| *figure);
        goal.must.or_else(r1)
    }

    fn reached(&self, goal: &Goal, figure: f64) -> Option<Reached> {
        let holds = |limit: f64| if goal.id == R8 { figure >= limit } else { figure <= limit };
        let must = self.must(goal)?;
        Some(match goal.aim {
            Some(aim) if holds(aim) => Reached::Aim,
            _ if holds(must) => Reached::Must,
            _ => Reached::No,
        })
    }

    /// Prints all that was measured as a table in Markdown, in the order of the goals.
    pub fn print(&self) {
        if self.ours.is_empty() {
            return;
        }
        println!("\n| | case | ours | must | aim | reached |\n|---|---|---:|---:|---:|---|");
        for (goal, figure) in self.in_order() {
            let show = |limit: Option<f64>| limit.map_or("–".to_owned(), short);
            let reached = self.reached(goal, figure).map_or("–", Reached::word);
            let (ours, must, aim) = (short(figure), show(self.must(goal)), show(goal.aim));
            let Goal { id, what, unit, .. } = goal;
            println!("| {id} | {what}, {unit} | {ours} | {must} | {aim} | {reached} |");
        }
    }

    /// Prints a line of JSON for each.
    pub fn json(&self) {
        for (goal, figure) in self.in_order() {
            let value = serde_json::json!({
                "goal": goal.id,
                "what": goal.what,
                "unit": goal.unit,
                "figure": figure,
                "must": self.must(goal),
                "aim": goal.aim,
                "reached": self.reached(goal, figure).map(Reached::word),
            });
            println!("{value}");
        }
    }

    fn in_order(&self) -> impl Iterator<Item = (&'static Goal, f64)> {
        GOALS
            .iter()
            .flat_map(|goal| self.ours.iter().filter(move |(measured, _)| measured.id == goal.id).copied())
    }
}

/// A machine with room: four times the cores that are busy and never fewer than two, memory for two and a half times what
/// is resident (a reload has what was and what comes) beside the system, twice the disk.
fn show_machine(busy: f64, resident: Option<f64>, disk: f64) -> String {
    let cores = f64::max((busy * 4.0).ceil(), 2.0);
    let memory = resident.map_or("–".to_owned(), |mb| {
        let wanted = 0.5 + mb * 2.5 / 1000.0;
        let sizes = [1.0, 2.0, 4.0, 8.0, 16.0];
        format!("{}", sizes.into_iter().find(|size| *size >= wanted).unwrap_or_else(|| wanted.ceil()))
    });
    format!("{cores} cores, {memory} GB of memory, {:.0} GB of disk", f64::max((disk * 2.0).ceil(), 4.0))
}

fn short(figure: f64) -> String {
    match figure {
        f if f >= 1000.0 => format!("{f:.0}"),
        f if f >= 100.0 || f == f.round() => format!("{f:.0}"),
        f if f >= 10.0 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}
