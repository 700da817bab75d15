//! Open sessions in the store.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::base::clock::UnixTime;
use crate::gateway::ports::sessions::{Noted, OpenSession, SessionKey, Sessions};
use crate::login::attempt::AttemptId;
use crate::login::factor::Sealed;
use crate::login::identity::Pseudonym;
use crate::login::verdict::Fault;
use crate::store::sqlite::{Sqlite, rows};

macro_rules! columns {
    () => {
        "client, device, session, pseudonym, attempt, marks_key, marks, since, heard"
    };
}

#[async_trait]
impl Sessions for Sqlite {
    async fn note_session(&self, session: OpenSession, most: u64) -> std::result::Result<Noted, Fault> {
        self.writer.write("cannot remember a session", move |db| note(db, &session, most)).await
    }

    async fn end_session(&self, key: &SessionKey) -> std::result::Result<Option<OpenSession>, Fault> {
        let key = key.clone();
        self.writer
            .write("cannot forget a session", move |db| {
                db.prepare_cached(concat!(
                    "DELETE FROM session WHERE client = ?1 AND device = ?2 AND session = ?3 RETURNING ",
                    columns!()
                ))?
                .query_row(params![&*key.client, key.device, key.session], session)
                .optional()
            })
            .await
    }

    async fn end_sessions_at(&self, client: &str, device: &[u8; 16]) -> std::result::Result<u64, Fault> {
        let (client, device) = (client.to_owned(), *device);
        self.writer
            .write("cannot forget the sessions of a device", move |db| {
                db.prepare_cached("DELETE FROM session WHERE client = ?1 AND device = ?2")?
                    .execute(params![client, device])
                    .map(rows_changed)
            })
            .await
    }

    async fn sessions_of(&self, who: &Pseudonym) -> std::result::Result<Vec<OpenSession>, Fault> {
        self.hot.readers.read("cannot list sessions", |db| {
            db.prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM session WHERE pseudonym = ?1 ORDER BY since, client, device, session"
            ))?
            .query_map([who.as_str()], session)?
            .collect()
        })
    }

    async fn forget_silent_sessions(&self, before: UnixTime) -> std::result::Result<u64, Fault> {
        self.writer
            .write("cannot forget silent sessions", move |db| {
                db.prepare_cached("DELETE FROM session WHERE heard < ?1")?
                    .execute([before.0])
                    .map(rows_changed)
            })
            .await
    }

    async fn open_sessions(&self) -> std::result::Result<u64, Fault> {
        self.hot.readers.read("cannot count sessions", amount)
    }

    async fn rekey_session(
        &self,
        key: &SessionKey,
        before: &Sealed,
        after: Sealed,
    ) -> std::result::Result<bool, Fault> {
        let (key, before) = (key.clone(), before.clone());
        self.writer
            .write("cannot re-seal a session", move |db| {
                db.prepare_cached(
                    "UPDATE session SET marks_key = ?4, marks = ?5
                     WHERE client = ?1 AND device = ?2 AND session = ?3 AND marks_key = ?6 AND marks = ?7",
                )?
                .execute(params![
                    &*key.client,
                    key.device,
                    key.session,
                    after.key_id,
                    after.bytes,
                    before.key_id,
                    before.bytes
                ])
                .map(|rows| rows > 0)
            })
            .await
    }
}

fn note(db: &Connection, session: &OpenSession, most: u64) -> Result<Noted> {
    let is_somebody = db
        .prepare_cached("SELECT 1 FROM subject WHERE pseudonym = ?1")?
        .exists([session.pseudonym.as_str()])?;
    if !is_somebody {
        return Ok(Noted::Nobody);
    }
    let known = db
        .prepare_cached("SELECT 1 FROM session WHERE client = ?1 AND device = ?2 AND session = ?3")?
        .exists(params![&*session.key.client, session.key.device, session.key.session])?;
    let full = !known && amount(db)? >= most;
    if full {
        db.prepare_cached(
            "DELETE FROM session WHERE (client, device, session) IN
                 (SELECT client, device, session FROM session ORDER BY heard LIMIT 1)",
        )?
        .execute([])?;
    }
    db.prepare_cached(concat!(
        "INSERT INTO session (",
        columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (client, device, session) DO UPDATE SET pseudonym = excluded.pseudonym,
             attempt = excluded.attempt, marks_key = excluded.marks_key, marks = excluded.marks,
             heard = max(heard, excluded.heard)"
    ))?
    .execute(params![
        &*session.key.client,
        session.key.device,
        session.key.session,
        session.pseudonym.as_str(),
        session.attempt.0,
        session.marks.key_id,
        session.marks.bytes,
        session.since.0,
        session.heard.0,
    ])?;
    Ok(match (known, full) {
        (true, _) => Noted::Known,
        (false, true) => Noted::MadeRoom,
        (false, false) => Noted::New,
    })
}

fn amount(db: &Connection) -> Result<u64> {
    let amount: i64 =
        db.prepare_cached("SELECT amount FROM open_sessions")?.query_row([], |row| row.get(0))?;
    // The schema keeps it at 0 or more.
    Ok(u64::try_from(amount).unwrap_or(0))
}

fn session(row: &Row<'_>) -> Result<OpenSession> {
    let client: String = row.get(0)?;
    Ok(OpenSession {
        key: SessionKey { client: Arc::from(client), device: row.get(1)?, session: row.get(2)? },
        pseudonym: rows::pseudonym(row, 3)?,
        attempt: AttemptId(row.get(4)?),
        marks: Sealed { key_id: row.get(5)?, bytes: row.get::<_, Vec<u8>>(6)?.into() },
        since: UnixTime(row.get(7)?),
        heard: UnixTime(row.get(8)?),
    })
}

fn rows_changed(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
