//! Results that come in pages (RFC 2696), all of them from one server: the cookie means nothing to another.

use std::time::Instant;

use crate::login::verdict::Fault;
use crate::upstream::ldap::connection::{Answer, Broken, protocol};
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::driver::MAX_ANSWER_BYTES;
use crate::upstream::ldap::pool::Pool;
use crate::upstream::ldap::server::Server;
use crate::upstream::ldap::trouble::Trouble;
use crate::wire::ldap::message::{PAGED_RESULTS, page_cookie};
use crate::wire::ldap::request::{Page, Search};

/// Entries of a page: half of what Active Directory gives at most (B-092).
const PAGE: u32 = 500;
/// Most pages of a result, which together have little more octets than one answer may have.
const MAX_PAGES: usize = 32;
/// Longest cookie that is sent back, in octets.
const LONGEST_COOKIE: usize = 16 * 1024;

impl Pool {
    /// One search, page by page, and the server that answered it.
    pub(crate) async fn search_in_pages(
        &self,
        request: &Search<'_>,
        until: Instant,
    ) -> Result<(Vec<Answer>, Endpoint), Fault> {
        self.ready(until).await?;
        let (mut tried, mut last) = (0_usize, None);
        for server in self.roster().in_order() {
            if self.clock().now().steady >= until {
                break;
            }
            tried = tried.saturating_add(1);
            match server.search_in_pages(request, until).await {
                Ok(answers) => return Ok((answers, server.endpoint().clone())),
                Err(trouble) => last = Some((server, trouble)),
            }
        }
        Err(self.unhelped(tried, last.as_ref().map(|(server, trouble)| (server.endpoint(), trouble.clone()))))
    }
}

impl Server {
    async fn search_in_pages(&self, request: &Search<'_>, until: Instant) -> Result<Vec<Answer>, Trouble> {
        let mut answers = Vec::new();
        let (mut cookie, mut octets) = (Vec::new(), 0_usize);
        while answers.len() < MAX_PAGES {
            let page = Some(Page { size: PAGE, cookie: &cookie });
            let answer = self.search(&Search { page, ..request.clone() }, until).await?;
            let next = next(&answer)?;
            octets = octets.saturating_add(answer.bytes);
            answers.push(answer);
            match next {
                Some(_) if octets > MAX_ANSWER_BYTES => break,
                Some(next) => cookie = next,
                None => return Ok(answers),
            }
        }
        Err(Broken::TooLarge.into())
    }
}

/// What leads to the next page; `None` when this was the last, or is none.
fn next(answer: &Answer) -> Result<Option<Vec<u8>>, Broken> {
    let last = answer.last()?;
    let Some(control) = last.control(PAGED_RESULTS).map_err(protocol)? else { return Ok(None) };
    let cookie = page_cookie(control.value.unwrap_or_default()).map_err(protocol)?;
    match cookie.len() {
        0 => Ok(None),
        1..=LONGEST_COOKIE => Ok(Some(cookie.to_vec())),
        _ => Err(protocol("a page's cookie is too long")),
    }
}
