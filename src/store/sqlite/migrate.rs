//! Brings a file to today's schema, one numbered step after the other.

use rusqlite::{Connection, TransactionBehavior};

use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::fault::fault;
use crate::store::sqlite::schema::{APPLICATION_ID, MIGRATIONS};

/// Runs the steps that are missing. Each is one transaction, so a crash in between leaves a version that the
/// next start goes on from; two processes that start at once do each step once.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    migrate_to(connection, MIGRATIONS)
}

fn migrate_to(connection: &mut Connection, steps: &[&str]) -> Result<(), Fault> {
    let doing = "cannot bring the store to this version's schema";
    loop {
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|why| fault(doing, &why))?;
        let version = version(&tx)?;
        if version > steps.len() {
            return Err(Fault::new(
                FaultKind::StoreUnavailable,
                format!(
                    "the store has schema version {version}, this program knows up to {}; install the newer \
                     program again, or restore the backup from before it ran",
                    steps.len()
                ),
            ));
        }
        let Some(step) = steps.get(version) else { return Ok(()) };
        if version == 0 {
            refuse_foreign(&tx)?;
        }
        let next = i64::try_from(version.saturating_add(1)).unwrap_or(i64::MAX);
        tx.execute_batch(step)
            .and_then(|()| tx.pragma_update(None, "application_id", APPLICATION_ID))
            .and_then(|()| tx.pragma_update(None, "user_version", next))
            .and_then(|()| tx.commit())
            .map_err(|why| fault(doing, &why))?;
    }
}

fn version(connection: &Connection) -> Result<usize, Fault> {
    let doing = "cannot read the store's schema version";
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|why| fault(doing, &why))?;
    usize::try_from(version).map_err(|_| {
        Fault::new(FaultKind::StoreUnavailable, format!("the store has no schema version of ours: {version}"))
    })
}

/// A file with tables but without a version belongs to another program.
fn refuse_foreign(connection: &Connection) -> Result<(), Fault> {
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|why| fault("cannot read the store's schema", &why))?;
    if tables == 0 {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::StoreUnavailable,
        "the store file is a database of another program; name another file in the configuration",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixTime;
    use crate::gateway::ports::Counted;
    use crate::login::factor::FactorKind;
    use crate::login::identity::Pseudonym;
    use crate::login::step::{History, KnownNetwork};
    use crate::login::throttle::Failures;
    use crate::store::sqlite::schema::INVENTORY;
    use crate::store::sqlite::{history, rows};

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    #[test]
    fn an_upgrade_from_version_1_keeps_what_was_there_and_counts_it() {
        let mut db = memory();
        migrate_to(&mut db, &MIGRATIONS[..1]).unwrap();
        assert_eq!(version(&db).unwrap(), 1);
        db.execute("INSERT INTO subject VALUES ('p1', 1, zeroblob(32), 1, x'00', 5)", []).unwrap();
        db.execute(
            "INSERT INTO enrolment VALUES ('p1', zeroblob(16), 'hotp', NULL, 6, NULL, 1, x'00', 41, 0, 0, NULL, 5)",
            [],
        )
        .unwrap();
        migrate(&mut db).unwrap();
        assert_eq!(version(&db).unwrap(), MIGRATIONS.len());
        let count = |what: &str| -> i64 {
            db.query_row("SELECT amount FROM tally WHERE what = ?1", [what], |row| row.get(0)).unwrap()
        };
        assert_eq!((count("subject"), count("enrolment")), (1, 1));
        let last: i64 = db.query_row("SELECT last FROM enrolment", [], |row| row.get(0)).unwrap();
        assert_eq!(last, 41);
    }

    #[test]
    fn failures_of_every_older_version_are_kept_and_their_locks_too() {
        // From version 6 on they are as they are now.
        for version in 1..6 {
            let mut db = memory();
            db.pragma_update(None, "foreign_keys", true).unwrap();
            migrate_to(&mut db, &MIGRATIONS[..version]).unwrap();
            db.execute_batch(
                "INSERT INTO subject VALUES ('p1', 1, zeroblob(32), 1, x'00', 5);
                 INSERT INTO failure VALUES ('p1', 'password', 4, 1700, 19000, 6, 0);
                 INSERT INTO failure VALUES ('p1', 'totp', 20, 0, 19001, 20, 1);",
            )
            .unwrap();
            migrate(&mut db).unwrap();
            let who = Pseudonym::new("p1").unwrap();
            let all = rows::failures_of(&db, &who).unwrap();
            let read = |what| all.iter().find(|(one, _)| *one == what).unwrap().1;
            let day = |day: i64| UnixTime::from_seconds(day * 86_400);
            let password = Failures {
                row: 4,
                wait_until: UnixTime(1700),
                day: 19000,
                today: 6,
                locked: false,
                last: day(19001),
            };
            assert_eq!(read(Counted::Password), password, "from version {version}");
            let code = read(Counted::Factor(FactorKind::Totp));
            assert_eq!((code.row, code.locked, code.last), (20, true, day(19002)), "from version {version}");
            let (_, history) = history::history_of(&db, &who).unwrap().unwrap();
            let created = History { first_seen: Some(UnixTime(5)), ..History::default() };
            assert_eq!(history, created, "from version {version}");
            for what in Counted::ALL {
                rows::put_failures(&db, &who, what, &password).unwrap();
            }
            let network = KnownNetwork { key_id: 1, digest: [1; 32], day: 7 };
            rows::put_networks(&db, &who, &[network]).unwrap();
            assert_eq!(history::history_of(&db, &who).unwrap().unwrap().1.networks, [network]);
            db.execute("DELETE FROM subject", []).unwrap();
            let left: i64 = db.query_row("SELECT count(*) FROM failure", [], |row| row.get(0)).unwrap();
            assert_eq!(left, 0, "from version {version}: what was rebuilt still goes with its subject");
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut db = memory();
        let steps = [MIGRATIONS[0], "CREATE TABLE half (x INTEGER) STRICT; SELECT nonsense;"];
        assert!(migrate_to(&mut db, &steps).is_err());
        assert_eq!(version(&db).unwrap(), 1);
        assert!(db.query_row("SELECT * FROM half", [], |_| Ok(())).is_err());
    }

    #[test]
    fn a_newer_schema_is_refused_with_a_way_out() {
        let mut db = memory();
        migrate(&mut db).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        let fault = migrate(&mut db).unwrap_err();
        assert_eq!(fault.kind, FaultKind::StoreUnavailable);
        assert!(fault.what.contains("version 99") && fault.what.contains("restore"), "{fault}");
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let mut db = memory();
        db.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(migrate(&mut db).unwrap_err().what.contains("another program"));
    }

    #[test]
    fn every_column_is_in_the_inventory_and_nothing_else_f_001() {
        let mut db = memory();
        migrate(&mut db).unwrap();
        let mut statement = db
            .prepare(
                "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
                 WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%'",
            )
            .unwrap();
        let mut real: Vec<(String, String)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut listed: Vec<(String, String)> =
            INVENTORY.iter().map(|f| (f.table.to_owned(), f.column.to_owned())).collect();
        real.sort();
        listed.sort();
        assert_eq!(real, listed);
        assert!(INVENTORY.iter().all(|f| !f.purpose.is_empty() && !f.kept.is_empty()));
    }
}
