//! Rules that are allowed and yet hardly meant.

use crate::base::clock::UnixTime;
use crate::base::report::Complaints;
use crate::config::check::Drafts;

/// Warns of them.
pub(in crate::config) fn lint(_drafts: &Drafts<'_>, _now: UnixTime, _out: &mut Complaints) {}
