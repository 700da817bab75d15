//! Changes, each on a connection of its own: it is never sent a second time, and the passwords in it lie in no queue that
//! other logins share.

use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use crate::login::verdict::Fault;
use crate::upstream::ldap::connection::{Answer, Broken};
use crate::upstream::ldap::dial::{Endpoint, Protection};
use crate::upstream::ldap::pool::Pool;
use crate::upstream::ldap::server::{Access, Server};
use crate::upstream::ldap::trouble::{BindTrouble, Trouble, unhelped};
use crate::wire::ldap::message::op;

/// Writes a ModifyRequest under a message id.
pub(crate) type Build<'a> = &'a (dyn Fn(u32) -> Zeroizing<Vec<u8>> + Send + Sync);

impl Access {
    /// Whether a change with passwords in it may be sent: nobody on the way can read it, and there is a service account
    /// in whose name it is sent (B-093).
    pub(crate) const fn can_change(&self) -> bool {
        matches!(self.protection, Protection::Tls(_) | Protection::StartTls(_)) && self.service.is_some()
    }
}

impl Pool {
    /// Whether [`Pool::change`] may be asked for at all.
    pub(crate) fn can_change(&self) -> bool {
        self.roster().access().can_change()
    }

    /// One change as the service account, at one server. Another one is asked only when the first cannot have seen it:
    /// a change that was made and is sent again would be held against its owner as a wrong password (B-087).
    pub(crate) async fn change(&self, build: Build<'_>, until: Instant) -> Result<(Answer, Endpoint), Fault> {
        self.ready(until).await?;
        let (mut tried, mut last) = (0_usize, None);
        for server in self.roster().in_order() {
            if self.clock().now().steady >= until {
                break;
            }
            tried = tried.saturating_add(1);
            match server.change(build, until).await {
                Ok(answer) => return Ok((answer, server.endpoint().clone())),
                Err(BindTrouble::NotAsked(trouble)) => last = Some((server, trouble)),
                Err(BindTrouble::Asked(trouble)) => {
                    return Err(unhelped(self.directory(), tried, Some((server.endpoint(), trouble))));
                }
            }
        }
        Err(self.unhelped(tried, last.as_ref().map(|(server, trouble)| (server.endpoint(), trouble.clone()))))
    }
}

impl Server {
    async fn change(self: &Arc<Self>, build: Build<'_>, until: Instant) -> Result<Answer, BindTrouble> {
        let had_its_time = self.has_its_time(until);
        let not_asked = |trouble: Trouble| {
            let trouble = trouble.after(had_its_time);
            self.judge(Some(&trouble));
            BindTrouble::NotAsked(trouble)
        };
        self.refused_lately().map_err(BindTrouble::NotAsked)?;
        let connection = self.serving(self.limit(until)).await.map_err(not_asked)?;
        let asked = connection.request(op::MODIFY_RESPONSE, until.into(), |id| Some(build(id))).await;
        asked.map_err(|broken: Broken| {
            connection.close();
            let trouble = Trouble::Broken(broken).after(had_its_time);
            self.judge(Some(&trouble));
            BindTrouble::Asked(trouble)
        })
    }
}
