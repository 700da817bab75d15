//! What a client is told with an accept.

use super::*;
use crate::login::telling::{Tell, Telling};

struct Fixed(Result<&'static [u8], Untold>);

impl Tell for Fixed {
    fn tell(&self, account: &Account) -> Result<Told, Untold> {
        assert_eq!(&*account.handle, "alice");
        self.0.map(Told::new)
    }
}

#[test]
fn what_the_client_is_told_comes_with_the_grant_and_where_it_cannot_be_made_nobody_is_let_in() {
    for (told, expected) in [(Ok(&b"group"[..]), Ok(&b"group"[..])), (Err(Untold), Err(None))] {
        let mut case = upstream_case();
        case.client.telling = Some(Telling::new(Fixed(told)));
        case.policy.rules = vec![rule(Requirement::None)].into();
        let (mut flow, _) = case.begin();
        let _ = case.worked(&mut flow, found());
        let _ = case.worked(&mut flow, record(vec![]));
        let step = case.worked(&mut flow, yes());
        let got = match &step {
            Step::Done(Verdict::Accept(grant)) => Ok(grant.told().bytes()),
            Step::Do(_) | Step::Ask(_) | Step::Done(_) => Err(kept(&flow)),
        };
        assert_eq!(got, expected, "{step:?}");
        assert_eq!(rejected(&step).is_some(), told.is_err());
    }
}

#[test]
fn a_client_without_rules_of_its_own_is_told_nothing() {
    let mut case = case();
    case.policy.rules = vec![rule(Requirement::None)].into();
    let (_, step) = up_to_second(&case, vec![]);
    let Step::Done(Verdict::Accept(grant)) = step else { panic!("{step:?}") };
    assert_eq!(grant.told().bytes(), b"");
}
