//! What a client is told with an accept.

use super::*;
use crate::login::telling::{Tell, Telling};
use crate::login::verdict::Grant;
use std::ops::Deref;

struct Fixed(Result<&'static [u8], Untold>);

impl Tell for Fixed {
    fn tell(&self, account: &Account, _: Option<&[Arc<str>]>) -> Result<Told, Untold> {
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

fn granted(case: &Case, known: Record) -> impl Deref<Target = Grant> {
    let (_, step) = with_record(case, known);
    match step {
        Step::Done(Verdict::Accept(grant)) => Box::new(grant),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => panic!("{step:?}"),
    }
}

#[test]
fn the_session_ends_with_the_hours_with_the_subjects_time_or_with_what_the_rule_says_whichever_is_first_a_079()
 {
    let mut case = case();
    let lasts = |case: &Case, known: &Record| granted(case, known.clone()).session();
    let (nobody, mut contractor) = (Record::default(), Record::default());
    contractor.history.valid_until = Some(T0.plus(Duration::from_secs(600)));
    case.policy.rules = vec![rule(Requirement::None)].into();
    assert_eq!(lasts(&case, &nobody), None);
    assert_eq!(lasts(&case, &contractor), Some(Duration::from_secs(600)));
    edit(&mut case, |rule| rule.options.session = Some(Duration::from_secs(900)));
    assert_eq!(lasts(&case, &nobody), Some(Duration::from_secs(900)));
    assert_eq!(lasts(&case, &contractor), Some(Duration::from_secs(600)));
    let until = Some(T0.plus(Duration::from_secs(60)));
    edit(&mut case, |rule| {
        rule.when = Condition::Valid(crate::login::policy::Validity { from: None, until })
    });
    assert_eq!(lasts(&case, &contractor), Some(Duration::from_secs(60)));
}

#[test]
fn an_offer_comes_with_grace_and_with_nothing_else() {
    let mut case = typed_case();
    case.policy.rules = vec![rule(Requirement::OneOf(FactorKinds::ALL))].into();
    edit(&mut case, |rule| rule.options.grace_until = Some(T0.plus(Duration::from_secs(60))));
    edit(&mut case, |rule| rule.options.offer = Some("Please enrol.".into()));
    assert_eq!(granted(&case, Record::default()).offer(), Some("Please enrol."));
    let known = remembering(vec![totp()], FactorKind::Totp);
    assert_eq!(granted(&case, known).offer(), None, "he has a factor");
}

#[test]
fn the_rule_says_which_reply_rules_hold() {
    struct Named;
    impl Tell for Named {
        fn tell(&self, _: &Account, only: Option<&[Arc<str>]>) -> Result<Told, Untold> {
            Ok(Told::new(only.map_or("all".into(), |names| names.join(",")).into_bytes()))
        }
    }
    let mut case = case();
    case.client.telling = Some(Telling::new(Named));
    case.policy.rules = vec![rule(Requirement::None)].into();
    assert_eq!(granted(&case, Record::default()).told().bytes(), b"all");
    edit(&mut case, |rule| rule.options.reply = Some(["a".into(), "b".into()].into()));
    assert_eq!(granted(&case, Record::default()).told().bytes(), b"a,b");
}

#[test]
fn a_rule_says_why_it_refuses_only_before_anybody_is_looked_up_d_100() {
    let refused = |when: Condition| {
        let mut case = case();
        case.policy.rules = vec![Rule { when, ..rule(Requirement::Refuse) }].into();
        edit(&mut case, |rule| rule.options.say = crate::login::policy::Say::NotHere);
        let (mut flow, step) = case.begin();
        rejected(&step).or_else(|| {
            let _ = case.worked(&mut flow, found());
            rejected(&case.worked(&mut flow, record(vec![totp()])))
        })
    };
    assert_eq!(refused(Condition::ALWAYS), Some(Reason::RefusedHere));
    let of_subject = Condition::Subject(vec![Pseudonym::new("p1").unwrap()]);
    assert_eq!(refused(of_subject), Some(Reason::RefusedByRule), "it would say something of the name");
}
