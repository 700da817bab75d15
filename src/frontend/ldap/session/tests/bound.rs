//! What passes for somebody who is bound, and what comes back.

use super::*;

#[test]
fn before_a_bind_nothing_is_passed_on_and_everything_is_answered_in_its_own_kind_b_020() {
    let mut lab = Lab::new();
    for request in [search(2), modify(2, "mail"), delete(2), compare(2, "cn")] {
        lab.refuses(&request, 50, Refusal::NotBound);
    }
    lab.refuses(&message(2, |m| m.bytes(op::ADD_REQUEST, b"")), 50, Refusal::NotBound);
    lab.refuses(&message(2, |m| m.bytes(op::MODIFY_DN_REQUEST, b"")), 50, Refusal::NotBound);
    for name in [PASSWORD_MODIFY, CANCEL, FAST_BIND, "1.2.3"] {
        lab.refuses(&extended(2, name, None), 2, Refusal::NotOffered);
    }
    assert!(lab.send(&abandon(3, 2)).is_empty());
    let out = lab.send(&unknown(4));
    lab.ends(&out, Closed::UnknownOperation, Some(2));
}

#[test]
fn an_extended_operation_that_is_not_offered_is_refused_without_a_name_b_033() {
    let mut lab = Lab::bound();
    for name in [FAST_BIND, "1.2.840.113556.1.4.2212"] {
        let out = lab.send(&extended(2, name, None));
        let [Action::Send(bytes)] = &out[..] else { panic!("{out:?}") };
        assert_eq!((result(bytes).2, extended_parts(bytes)), (2, (None, None)), "{name}");
    }
}

#[test]
fn after_a_bind_everything_is_passed_on_known_or_not() {
    let mut lab = Lab::bound();
    let page = controlled(&search(10), PAGED_RESULTS, true, Some(b"\x30\x05\x02\x01\x64\x04\x00"));
    let requests = [
        search(2),
        modify(3, "mail"),
        delete(4),
        compare(5, "cn"),
        message(6, |m| m.bytes(op::ADD_REQUEST, b"anything")),
        message(7, |m| m.bytes(op::MODIFY_DN_REQUEST, b"anything")),
        extended(8, PASSWORD_MODIFY, Some(b"\x30\x00")),
        extended(9, "1.2.3.4", None),
        page,
        unknown(11),
        controlled(&search(12), "1.2.3.4.5", true, Some(b"what nobody knows")),
    ];
    for request in &requests {
        lab.forwards(request);
    }
    assert_eq!(lab.session.outstanding(), requests.len());
}

#[test]
fn answers_pass_for_what_was_asked_and_for_nothing_else() {
    let mut lab = Lab::bound();
    lab.forwards(&search(2));
    for tag in [op::SEARCH_ENTRY, op::SEARCH_REFERENCE, op::INTERMEDIATE_RESPONSE] {
        assert_eq!(lab.session.on_answer(2, tag), Passing::Pass);
    }
    for tag in [op::BIND_RESPONSE, op::COMPARE_RESPONSE, op::EXTENDED_RESPONSE, op::SEARCH_REQUEST] {
        assert_eq!(lab.session.on_answer(2, tag), Passing::Skip(Skipped::WrongAnswer));
    }
    for id in [0, 1, 3, 0x7fff_ffff] {
        assert_eq!(lab.session.on_answer(id, op::SEARCH_ENTRY), Passing::Skip(Skipped::NotOutstanding));
    }
    assert_eq!(lab.session.on_answer(2, op::SEARCH_DONE), Passing::Pass);
    assert_eq!(lab.session.on_answer(2, op::SEARCH_DONE), Passing::Skip(Skipped::NotOutstanding), "once");
    let skipped: Vec<_> = lab.counters.all_skipped().map(|(_, count)| count).collect();
    assert_eq!(skipped, [5, 4, 0]);
}

#[test]
fn an_unknown_operation_ends_with_the_first_answer_that_can_be_its_last() {
    let mut lab = Lab::bound();
    lab.forwards(&unknown(2));
    assert_eq!(lab.session.on_answer(2, op::INTERMEDIATE_RESPONSE), Passing::Pass);
    assert_eq!(lab.session.on_answer(2, op::BIND_RESPONSE), Passing::Skip(Skipped::WrongAnswer));
    assert_eq!((lab.session.on_answer(2, 0x7e), lab.session.outstanding()), (Passing::Pass, 0));
}

#[test]
fn references_to_other_servers_are_left_out_where_the_client_is_not_to_hear_of_them_b_051() {
    let mut lab = Lab::bound_with(LdapClient { drops_references: true, ..client() }, &accepted());
    lab.forwards(&search(2));
    assert_eq!(lab.session.on_answer(2, op::SEARCH_REFERENCE), Passing::Skip(Skipped::Reference));
    assert_eq!(lab.session.on_answer(2, op::SEARCH_DONE), Passing::Pass);
}

#[test]
fn when_the_directory_takes_its_leave_the_connection_ends_as_unavailable_b_029() {
    let mut lab = Lab::bound();
    lab.forwards(&search(2));
    assert_eq!(lab.session.on_answer(0, op::EXTENDED_RESPONSE), Passing::Broken(Closed::DirectoryLost));
    let out = lab.close(Closed::DirectoryLost);
    assert!(matches!(out[0], Action::Release { reusable: false }));
    lab.ends(&out, Closed::DirectoryLost, Some(52));

    let mut idle = Lab::bound();
    let mut out = Vec::new();
    idle.session.on_closing(Closed::DirectoryLost, &mut out);
    assert!(matches!(out[0], Action::Release { reusable: false }), "nobody else gets what is broken");
    idle.ends(&out, Closed::DirectoryLost, Some(52));
}

#[test]
fn abandon_is_passed_on_for_what_runs_and_ignored_for_everything_else_b_025() {
    let mut lab = Lab::bound();
    lab.forwards(&search(2));
    assert!(lab.send(&abandon(3, 77)).is_empty());
    lab.forwards(&abandon(3, 2));
    assert_eq!(lab.session.on_answer(2, op::SEARCH_ENTRY), Passing::Skip(Skipped::NotOutstanding));
    assert!(lab.send(&abandon(4, 2)).is_empty(), "it is gone already");
    let out = lab.send(&unbind(5));
    assert!(matches!(out[0], Action::Release { reusable: false }), "answers may still be on their way");
}

#[test]
fn a_connection_has_so_many_operations_at_once_and_no_more_b_010() {
    let limits = LdapLimits { operations: 3, ..LdapLimits::default() };
    let mut lab = Lab::of(Conduct { limits, ..tls() }, Some(client()));
    lab.let_in(1, &accepted());
    for id in 2..5 {
        lab.forwards(&search(id));
    }
    lab.refuses(&search(5), 51, Refusal::TooManyOperations);
    lab.refuses(&extended(5, "1.2.3", None), 51, Refusal::TooManyOperations);
    lab.forwards(&abandon(6, 2));
    lab.forwards(&search(7));
    let out = lab.send(&unknown(8));
    lab.ends(&out, Closed::UnknownOperation, Some(2));
}

#[test]
fn where_no_directory_stands_behind_a_bind_it_is_told_in_place_of_an_answer() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    let person = Person { has_upstream: false, ..anna() };
    let _out = lab.end(ticket, &accepted(), Some(person));
    assert!(lab.session.is_bound());
    for request in [search(2), modify(2, "mail"), compare(2, "cn")] {
        lab.refuses(&request, 53, Refusal::NoDirectory);
    }
    let out = lab.send(&unbind(3));
    assert!(matches!(out[..], [Action::Close(Closed::Unbind)]), "there is nothing to let go of: {out:?}");
}

#[test]
fn an_exempt_account_does_what_its_exemption_says_and_all_of_it_is_recorded_b_047() {
    let recorded = |action: &Action| match action {
        Action::Record(operation) => ExemptOperation::clone(operation),
        other => panic!("{other:?}"),
    };
    let expected = ExemptOperation {
        id: 2,
        attempt: AttemptId([1; 8]),
        client: "wiki".into(),
        who: Pseudonym::new("p-1"),
        exemption: "reader".into(),
        source: PEER.into(),
        operation: Operation::Search,
        refused: None,
    };
    let mut reader = Lab::bound_with(client(), &exempt("reader"));
    let out = reader.send(&search(2));
    let [record, Action::Forward] = &out[..] else { panic!("{out:?}") };
    assert_eq!(recorded(record), expected);
    let out = reader.send(&compare(3, "cn"));
    assert!(matches!(out[..], [Action::Record(_), Action::Forward]), "{out:?}");
    let out = reader.send(&delete(4));
    let [record, Action::Send(bytes)] = &out[..] else { panic!("{out:?}") };
    let refused = Some(Refusal::BeyondExemption);
    let delete = ExemptOperation { id: 4, operation: Operation::Delete, refused, ..expected.clone() };
    assert_eq!((recorded(record), result(bytes)), (delete, (4, op::DELETE_RESPONSE, 50)));
    let out = reader.send(&unknown(5));
    assert!(matches!(
        out[..],
        [Action::Record(_), Action::Release { .. }, Action::Send(_), Action::Close(_)]
    ));

    let mut binder = Lab::bound_with(client(), &exempt("binder"));
    let out = binder.send(&search(2));
    let [record, Action::Send(bytes)] = &out[..] else { panic!("{out:?}") };
    let search = ExemptOperation { exemption: "binder".into(), refused, ..expected };
    assert_eq!((recorded(record), result(bytes)), (search, (2, op::SEARCH_DONE, 50)));
    let out = binder.send(&extended(3, WHO_AM_I, None));
    assert_eq!(only_sent(&out).2, 0, "it may always ask who it is");
}

#[test]
fn what_cannot_be_recorded_is_not_done_b_047() {
    let mut lab = Lab::bound_with(client(), &exempt("reader"));
    let out = lab.send(&search(2));
    assert!(matches!(out[..], [Action::Record(_), Action::Forward]));
    let mut out = Vec::new();
    lab.session.on_unrecorded(2, &mut out);
    assert_eq!(only_sent(&out), (2, op::SEARCH_DONE, 52));
    assert_eq!((lab.session.outstanding(), lab.refused(Refusal::NotRecorded)), (0, 1));
    let mut out = Vec::new();
    lab.session.on_unrecorded(2, &mut out);
    assert!(out.is_empty(), "once");
}

#[test]
fn an_exemption_that_this_client_does_not_know_allows_nothing_beyond_the_bind_b_047() {
    let mut lab = Lab::bound_with(client(), &exempt("of another client"));
    let out = lab.send(&search(2));
    let [Action::Record(record), Action::Send(bytes)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((record.refused, result(bytes).2), (Some(Refusal::BeyondExemption), 50));
}

#[test]
fn a_search_is_passed_on_without_the_names_of_secrets_whether_it_waited_or_not_b_049() {
    let names = |id, secret| search_for(id, "dc=x", 2, &any_object(), &["uid", secret]);
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    assert!(lab.send(&names(2, "userPassword")).is_empty());
    let out = lab.end(ticket, &accepted(), Some(anna()));
    let [Action::Send(_), Action::ForwardQueued(waited)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(**waited, names(2, "xxxxxxxxxxxx"));
    let out = lab.send(&names(3, "unixUserPassword"));
    let [Action::ForwardQueued(struck)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(**struck, names(3, "xxxxxxxxxxxxxxxx"));
    assert_eq!(lab.session.on_answer(3, op::SEARCH_DONE), Passing::Pass);
    assert_eq!(lab.refused(Refusal::SecretAttribute), 0);
}

#[test]
fn the_schema_is_shown_to_who_is_bound_and_to_nobody_afterwards_b_032() {
    let mut lab = Lab::new();
    let names_schema = |out: &[Action]| {
        let Action::Send(entry) = &out[0] else { panic!("{out:?}") };
        entry.windows(12).any(|part| part == b"cn=Subschema")
    };
    assert!(!names_schema(&lab.send(&root_dse(1, &["+"]))));
    let out = lab.send(&bind(2, ANNA, b"hunter2123456"));
    let person = Person { schema: Some("cn=Subschema".into()), ..anna() };
    let _out = lab.end(begun(&out), &accepted(), Some(person));
    assert!(names_schema(&lab.send(&root_dse(3, &["+"]))));
    let _out = lab.send(&bind(4, "", b""));
    assert!(!names_schema(&lab.send(&root_dse(5, &["+"]))));
}

#[test]
fn after_a_remembered_login_no_password_is_changed_b_031() {
    let mut lab = Lab::bound_with(client(), &remembered());
    lab.refuses(&extended(2, PASSWORD_MODIFY, None), 8, Refusal::PasswordChange);
    lab.refuses(&modify(2, "userPassword"), 8, Refusal::PasswordChange);
    lab.forwards(&modify(2, "mail"));
    let out = lab.send(&root_dse(3, &["supportedExtension"]));
    let [Action::Send(entry), Action::Send(_)] = &out[..] else { panic!("{out:?}") };
    assert!(!String::from_utf8_lossy(entry).contains(PASSWORD_MODIFY), "and it is not advertised, B-032");

    let mut fresh = Lab::bound();
    fresh.forwards(&extended(2, PASSWORD_MODIFY, None));
    let out = fresh.send(&root_dse(3, &["supportedExtension"]));
    let [Action::Send(entry), Action::Send(_)] = &out[..] else { panic!("{out:?}") };
    assert!(String::from_utf8_lossy(entry).contains(PASSWORD_MODIFY));
}

#[test]
fn a_connection_on_which_the_directory_said_what_nobody_asked_serves_no_other_bind() {
    for (id, tag) in
        [(2, op::BIND_RESPONSE), (1, op::BIND_RESPONSE), (7, op::SEARCH_DONE), (0, op::SEARCH_DONE)]
    {
        let mut lab = Lab::bound();
        lab.forwards(&search(2));
        assert!(matches!(lab.session.on_answer(id, tag), Passing::Skip(_)));
        assert_eq!(lab.session.on_answer(2, op::SEARCH_DONE), Passing::Pass);
        let out = lab.send(&bind(3, ANNA, b"hunter2123456"));
        assert!(matches!(out[0], Action::Release { reusable: false }), "{out:?}");
    }
}
