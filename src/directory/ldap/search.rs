//! Searches and what they bring, in owned form.

use std::collections::BTreeMap;
use std::ops;
use std::sync::Arc;
use std::time::Instant;

use crate::login::identity::Attributes;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::connection::{Answer, Broken, protocol};
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::pool::Pool;
use crate::upstream::ldap::trouble::{Trouble, refused, unhelped};
use crate::wire::ldap::dn::Dn;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::message::{Entry, LdapResult, Message, Range, Values, op};
use crate::wire::ldap::request::{Scope, Search, Selection};
use crate::wire::ldap::result::ResultCode;

/// Most values of one attribute that are put together from parts.
const MAX_VALUES: usize = 20_000;
/// Most octets of all attributes that are kept of an account because the configuration asks for them.
const MAX_OCTETS: usize = 256 * 1024;
/// Most parts they are asked for in.
const MAX_PARTS: usize = 64;

/// Where the schema of an entry is (RFC 4512 section 4.2): asked for with every account, so that it costs no request.
pub(crate) const SCHEMA: &str = "subschemaSubentry";

/// One entry: the message as it came, and where its attributes are in it.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its name.
    pub(crate) dn: String,
    whole: Box<[u8]>,
    attributes: Vec<Place>,
}

/// Where an attribute is. Everything there has been read once, so that nothing of it is malformed.
#[derive(Debug)]
struct Place {
    /// Without options.
    name: ops::Range<usize>,
    range: Option<Range>,
    values: ops::Range<usize>,
}

impl Record {
    /// One with these attributes, each with one value.
    #[cfg(test)]
    pub(crate) fn made(attributes: &[(&str, &[u8])]) -> Self {
        use crate::wire::ldap::ber::{INTEGER, OCTET_STRING, SEQUENCE, SET, Writer};
        let mut writer = Writer::default();
        writer.nested(SEQUENCE, |message| {
            message.integer(INTEGER, 1);
            message.nested(op::SEARCH_ENTRY, |entry| {
                entry.bytes(OCTET_STRING, b"CN=made");
                entry.nested(SEQUENCE, |all| {
                    for (name, value) in attributes {
                        all.nested(SEQUENCE, |one| {
                            one.bytes(OCTET_STRING, name.as_bytes());
                            one.nested(SET, |values| values.bytes(OCTET_STRING, value));
                        });
                    }
                });
            });
        });
        Self::read(writer.finish().as_slice().into()).unwrap().unwrap()
    }

    /// `None` for a message that is no entry.
    fn read(whole: Box<[u8]>) -> Result<Option<Self>, Broken> {
        let message = Message::read(&whole).map_err(protocol)?;
        if message.operation.tag != op::SEARCH_ENTRY {
            return Ok(None);
        }
        let entry = Entry::read(&message.operation).map_err(protocol)?;
        let dn = std::str::from_utf8(entry.dn).map_err(|_| protocol("an entry's name is not UTF-8"))?.into();
        let mut attributes = Vec::new();
        for attribute in entry.attributes() {
            let attribute = attribute.map_err(protocol)?;
            attribute.values().try_for_each(|value| value.map(drop)).map_err(protocol)?;
            let (mut name, values) = attribute.places();
            let length = attribute.description.split(|octet| *octet == b';').next().map_or(0, <[u8]>::len);
            name.end = name.start.saturating_add(length);
            attributes.push(Place { name, range: attribute.range(), values });
        }
        Ok(Some(Self { dn, whole, attributes }))
    }

    fn octets(&self, place: &ops::Range<usize>) -> &[u8] {
        self.whole.get(place.clone()).unwrap_or_default()
    }

    fn places<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Place> {
        let same = |place: &&Place| self.octets(&place.name).eq_ignore_ascii_case(name.as_bytes());
        self.attributes.iter().filter(same)
    }

    /// All values of the attribute `name`, in any letter case and with any options (B-104).
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.places(name).flat_map(|place| Values::within(self.octets(&place.values)).map_while(Result::ok))
    }

    /// Its first value.
    pub(crate) fn first<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Its first value, if that is text.
    pub(crate) fn text<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        std::str::from_utf8(self.first(name)?).ok()
    }

    /// Its first value, if that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// Where the next part of an attribute begins that the server gives in parts (B-091).
    fn continues_at(&self, name: &str) -> Option<u32> {
        self.places(name).find_map(|place| place.range?.last?.checked_add(1))
    }
}

/// What a search brought. References to other servers are not followed (B-051).
#[derive(Debug)]
pub(crate) struct Found {
    /// The entries.
    pub(crate) records: Vec<Record>,
    /// The result code.
    pub(crate) code: ResultCode,
    /// Who answered.
    pub(crate) server: Endpoint,
}

/// Searches, and leaves the result code to the caller. The server need not search longer than somebody waits (B-090).
pub(crate) async fn run(pool: &Pool, request: &Search<'_>, until: Instant) -> Result<Found, Fault> {
    let request = Search { time_limit: seconds_left(pool, until), ..request.clone() };
    let (answer, server) = pool.search(&request, until).await?;
    read(answer, &server).map_err(|broken| told_badly(pool, &server, broken))
}

/// At least 1, since 0 is no limit.
fn seconds_left(pool: &Pool, until: Instant) -> u32 {
    let left = until.saturating_duration_since(pool.clock().now().steady).as_secs();
    u32::try_from(left).unwrap_or(u32::MAX).saturating_add(1)
}

fn told_badly(pool: &Pool, server: &Endpoint, broken: Broken) -> Fault {
    unhelped(pool.directory(), 1, Some((server, Trouble::Broken(broken))))
}

fn read(answer: Answer, server: &Endpoint) -> Result<Found, Broken> {
    let code = LdapResult::read(&answer.last()?.operation).map_err(protocol)?.code;
    let records = answer.into_messages().filter_map(|whole| Record::read(whole).transpose());
    Ok(Found { records: records.collect::<Result<_, _>>()?, code, server: server.clone() })
}

/// All entries that match; a result that is not complete is a fault (B-092). What is more than the server gives at once
/// comes in pages.
pub(crate) async fn all(pool: &Pool, request: &Search<'_>, until: Instant) -> Result<Vec<Record>, Fault> {
    let found = run(pool, request, until).await?;
    match found.code {
        ResultCode::SUCCESS => Ok(found.records),
        ResultCode::SIZE_LIMIT_EXCEEDED => in_pages(pool, request, until).await,
        code => Err(refused(pool.directory(), &found.server, "a search", code)),
    }
}

async fn in_pages(pool: &Pool, request: &Search<'_>, until: Instant) -> Result<Vec<Record>, Fault> {
    let request = Search { time_limit: seconds_left(pool, until), size_limit: 0, ..request.clone() };
    let (answers, server) = pool.search_in_pages(&request, until).await?;
    let mut records = Vec::new();
    for answer in answers {
        let found = read(answer, &server).map_err(|broken| told_badly(pool, &server, broken))?;
        if found.code != ResultCode::SUCCESS {
            return Err(refused(pool.directory(), &server, "a search in pages", found.code));
        }
        records.extend(found.records);
    }
    Ok(records)
}

/// The one account that matches; two are a fault (B-052).
pub(crate) async fn account(
    pool: &Pool,
    request: &Search<'_>,
    until: Instant,
) -> Result<Option<Record>, Fault> {
    only(pool, run(pool, request, until).await?)
}

/// The account that the person who logs in has named by the distinguished name `dn`, where `wanted` says what an
/// account under `base` looks like. The server compares names; whether one lies under `base` is seen step by step
/// (B-103), of the name that came and of the one that the server gives in return.
///
/// Anybody can send any name, so one that the server does not know, does not take for a name, or holds to be another
/// server's business is nobody's.
pub(crate) async fn account_named(
    pool: &Pool,
    base: &Dn,
    dn: &str,
    (wanted, attributes): (&Filter<'_>, &Selection),
    until: Instant,
) -> Result<Option<Record>, Fault> {
    let is_ours = |dn: &str| dn.parse::<Dn>().is_ok_and(|dn| dn.is_under(base));
    if !is_ours(dn) {
        return Ok(None);
    }
    let request = Search {
        base: dn,
        scope: Scope::Base,
        size_limit: 2,
        time_limit: 0,
        filter: wanted,
        attributes,
        page: None,
    };
    let found = run(pool, &request, until).await?;
    if matches!(found.code, ResultCode::NO_SUCH_OBJECT | ResultCode::INVALID_DN_SYNTAX | ResultCode::REFERRAL)
    {
        return Ok(None);
    }
    Ok(only(pool, found)?.filter(|record| record.dn == dn || is_ours(&record.dn)))
}

fn only(pool: &Pool, found: Found) -> Result<Option<Record>, Fault> {
    let mut records = found.records.into_iter();
    match (found.code, records.next(), records.next()) {
        (ResultCode::SUCCESS, first, None) => {
            if let Some(schema) = first.as_ref().and_then(|record| record.text(SCHEMA)) {
                pool.learn_schema(schema);
            }
            Ok(first)
        }
        (ResultCode::SUCCESS | ResultCode::SIZE_LIMIT_EXCEEDED, Some(_), Some(_))
        | (ResultCode::SIZE_LIMIT_EXCEEDED, _, _) => Err(Fault::new(
            FaultKind::UnclearAccount,
            format!(
                "directory \"{}\": {} has two accounts for one login name; make the name unique there, or narrow base-dn",
                pool.directory(),
                found.server
            ),
        )),
        (code, _, _) => Err(refused(pool.directory(), &found.server, "the search for an account", code)),
    }
}

/// Whether there is anything under this name to search in. It need not be readable itself.
pub(crate) async fn base(pool: &Pool, dn: &str, until: Instant) -> Result<(), Fault> {
    let found = run(pool, &Search::presence(dn), until).await?;
    match found.code {
        ResultCode::SUCCESS => Ok(()),
        code => Err(refused(pool.directory(), &found.server, "a look at base-dn", code)),
    }
}

/// One entry by its name; `None` when there is none.
pub(crate) async fn entry(
    pool: &Pool,
    dn: &str,
    attributes: &[&str],
    until: Instant,
) -> Result<Option<Record>, Fault> {
    let request = Search {
        base: dn,
        scope: Scope::Base,
        size_limit: 1,
        time_limit: 0,
        filter: &Filter::Present("objectClass"),
        attributes: &Selection::of(attributes.iter().copied()),
        page: None,
    };
    let found = run(pool, &request, until).await?;
    match found.code {
        ResultCode::SUCCESS => Ok(found.records.into_iter().next()),
        ResultCode::NO_SUCH_OBJECT => Ok(None),
        code => Err(refused(pool.directory(), &found.server, "a look at an account", code)),
    }
}

/// The attributes `names` of an account that was read with all of them, each with all its values (B-091); those that it
/// does not have are left out.
///
/// # Errors
///
/// As for any search; also for more than can be kept: a part of the values would not be what the account has.
pub(crate) async fn attributes(
    pool: &Pool,
    record: &Record,
    names: &[Box<str>],
    until: Instant,
) -> Result<Attributes, Fault> {
    let mut attributes = BTreeMap::new();
    let mut octets = 0_usize;
    for name in names {
        let values = values(pool, &record.dn, name, Some(record), until).await?;
        octets = values.iter().fold(octets, |sum, value| sum.saturating_add(value.len()));
        if octets > MAX_OCTETS {
            let what = format!(
                "directory \"{}\": the attributes that an account is asked for have more than {MAX_OCTETS} octets; ask for smaller ones",
                pool.directory()
            );
            return Err(Fault::new(FaultKind::UnclearAccount, what));
        }
        if !values.is_empty() {
            attributes.insert(name.to_lowercase().into(), values);
        }
    }
    Ok(Arc::new(attributes))
}

/// `names`, and those of `more` that are not among them in whatever letter case.
pub(crate) fn together<'a>(mut names: Vec<&'a str>, more: impl Iterator<Item = &'a str>) -> Selection {
    for name in more {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    Selection::of(names)
}

/// Every value of one attribute of the entry `dn`, in as many requests as the server wants (B-091). `known`
/// is what was read of it already, if anything.
pub(crate) async fn values(
    pool: &Pool,
    dn: &str,
    attribute: &str,
    known: Option<&Record>,
    until: Instant,
) -> Result<Vec<Box<[u8]>>, Fault> {
    let mut values: Vec<Box<[u8]>> = Vec::new();
    let mut next = match known {
        Some(record) => {
            values.extend(record.all(attribute).map(Box::from));
            record.continues_at(attribute)
        }
        None => Some(0),
    };
    for _ in 0..MAX_PARTS {
        let Some(from) = next else { return Ok(values) };
        let wanted = if from == 0 { attribute.to_owned() } else { format!("{attribute};range={from}-*") };
        let Some(record) = entry(pool, dn, &[&wanted], until).await? else { return Ok(values) };
        values.extend(record.all(attribute).map(Box::from));
        next = record.continues_at(attribute);
        // A server that counts backwards would keep us busy for ever.
        if values.len() > MAX_VALUES || next.is_some_and(|next| next <= from) {
            break;
        }
    }
    Err(Fault::new(
        FaultKind::DirectoryConfusing,
        format!(
            "directory \"{}\": an attribute does not end after {} values",
            pool.directory(),
            values.len()
        ),
    ))
}
