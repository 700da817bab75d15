//! By what a rule is found.

use crate::login::policy::compiled::check::{Check, Kind};

/// Something that a rule can only hold with: one of these numbers of a login, each of its kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Anchor {
    /// The numbers.
    pub(super) keys: Vec<(Kind, usize)>,
    /// Their kinds, also of those that have no number in it.
    pub(super) kinds: Vec<Kind>,
}

/// All anchors that a check has. None: it may hold for any login.
pub(super) fn anchors(check: &Check) -> Vec<Anchor> {
    match check {
        Check::Among(kind, list) => {
            let keys = list.iter().map(|number| (*kind, *number)).collect();
            vec![Anchor { keys, kinds: vec![*kind] }]
        }
        Check::All(list) => list.iter().flat_map(anchors).collect(),
        Check::Any(list) => {
            let mut whole = Anchor::default();
            for one in list {
                let Some(best) = anchors(one).into_iter().min_by_key(|anchor| anchor.effort(|_| 1)) else {
                    return Vec::new();
                };
                whole.keys.extend(best.keys);
                whole.kinds.extend(best.kinds);
            }
            vec![whole]
        }
        Check::Not(_) | Check::Windows(_) | Check::Calendars(_) | Check::Plain(_) => Vec::new(),
    }
}

impl Anchor {
    /// How many rules a login is likely to bring into question through this anchor, where `count` rules name a number.
    pub(super) fn effort(&self, count: impl Fn((Kind, usize)) -> usize) -> usize {
        self.keys.iter().map(|key| count(*key).saturating_mul(several(key.0))).fold(0, usize::saturating_add)
    }
}

/// Of so many numbers of a kind that rules name a login has several: people are in many groups, but in one country.
const fn several(kind: Kind) -> usize {
    match kind {
        Kind::Subject | Kind::NoAddress => 1,
        Kind::Client | Kind::Listener | Kind::Directory | Kind::Country | Kind::Asn => 2,
        Kind::ClientGroup | Kind::Network => 3,
        Kind::Group => 8,
    }
}
