//! Clients whose logins go to an upstream, and those that change passwords: whether what is demanded of their people
//! can be shown, and who is believed.

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::settings::DirectoryKind;
use crate::config::{client, exemption, rule};
use crate::frontend::radius::method::Way;
use crate::login::client::{Order, PrimaryKind};
use crate::login::policy::{Condition, Requirement};
use crate::login::relay::Method;

/// Compares them with rules and directories.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    for draft in drafts.clients {
        weak_proofs(draft, out);
        believed_names(draft, out);
        codes_first_of_passwords(draft, out);
        codes_without_a_place(draft, drafts, out);
        changes_passwords(draft, drafts, out);
    }
}

fn methods(draft: &client::Draft) -> impl Iterator<Item = Method> {
    let ways = draft.settings.radius().map_or(&[][..], |radius| &radius.ways);
    ways.iter().filter_map(|way| match way {
        Way::Pap => None,
        Way::Relayed(method) => Some(*method),
    })
}

fn methods_at(draft: &client::Draft) -> &Place {
    draft.radius.relay.methods.as_ref().unwrap_or(&draft.place)
}

/// what is sent in place of the password can be tried against lists of passwords by whoever sees it.
fn weak_proofs(draft: &client::Draft, out: &mut Complaints) {
    let weak = methods(draft).find(|method| *method != Method::Eap);
    let Some(method) = weak else { return };
    let what = format!(
        "client \"{}\": who can read a login by \"{}\" on its way can find out the password from it, without us",
        safe(&draft.settings.login.name),
        method.code()
    );
    let hint = "keep the path to the device and to the upstream encrypted; \"eap\" or \"pap\" over such a path is \
                safer";
    out.warn(Complaint::wrong(methods_at(draft), what).hint(hint));
}

fn believed_names(draft: &client::Draft, out: &mut Complaints) {
    let Some(place) = draft.radius.relay.eap_name.as_ref().filter(|_| draft.settings.login.trusts_outer_name)
    else {
        return;
    };
    let what = format!(
        "client \"{}\": with eap-name = \"outer\" people are who they say outside of the tunnel",
        safe(&draft.settings.login.name)
    );
    let hint = "only right where the upstream rejects a name that is another than inside; otherwise let it send \
                the inner User-Name in its Access-Accept and write eap-name = \"upstream\"";
    out.warn(Complaint::wrong(place, what).hint(hint));
}

/// D-108: the code can come first only where a password is sent that can wait for it; every other first credential is
/// for the upstream alone, which hears it at once.
fn codes_first_of_passwords(draft: &client::Draft, out: &mut Complaints) {
    let login = &draft.settings.login;
    let Some(place) = draft.order.as_ref().filter(|_| login.order == Order::FactorFirst) else { return };
    let proofs: Vec<Method> = methods(draft).collect();
    if proofs.is_empty() {
        return;
    }
    let client = safe(&login.name);
    let words: Vec<String> = proofs.iter().map(|method| format!("\"{}\"", method.code())).collect();
    let words = words.join(" or ");
    let has_passwords = draft.settings.methods().contains(&None);
    if has_passwords {
        let what = format!(
            "client \"{client}\": only logins by \"pap\" show the code first, one by {words} reaches the upstream \
             before any code"
        );
        let hint = "whoever sprays that way reaches the upstream; leave the others out of methods if that must not be";
        out.warn(Complaint::wrong(place, what).see(methods_at(draft)).hint(hint));
    } else {
        let what = format!(
            "client \"{client}\": order has no effect, a login by {words} is sent to the upstream before any code"
        );
        let hint = "add \"pap\" to methods, or remove it";
        out.error(Complaint::wrong(place, what).see(methods_at(draft)).hint(hint));
    }
}

/// a code can be typed after CHAP and MS-CHAP only where the device can ask, and after EAP never.
fn codes_without_a_place(draft: &client::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let login = &draft.settings.login;
    let asks = login.entry.challenge && login.can.prompts_relayed;
    let without: Vec<Method> = methods(draft).filter(|method| *method == Method::Eap || !asks).collect();
    if without.is_empty() {
        return;
    }
    let client = safe(&login.name);
    let words: Vec<String> = without.iter().map(|method| format!("\"{}\"", method.code())).collect();
    let word = words.join(" or ");
    let [eap, others] = [true, false].map(|eap| without.iter().any(|method| (*method == Method::Eap) == eap));
    let ask = "if the device can ask after CHAP and MS-CHAP, write challenge-after-ms-chap = true";
    let none = "name the groups or networks that need none in a rule before it with then = \"none\"";
    let hint = match (others, eap) {
        (true, true) => format!("{ask}; after \"eap\" nobody can be asked: {none}, or use \"pap\""),
        (true, false) => format!("{ask}; otherwise use \"pap\""),
        (false, _) => format!("{none}, or let these people log in by \"pap\""),
    };
    let here = |rule: &&rule::Draft| rule.rule.when.is_for_client(&login.name);
    let mut rules = drafts.rules.iter().filter(here).peekable();
    if rules.peek().is_none() {
        let exempt = |draft: &exemption::Draft| draft.exemption.clients.contains(&login.name);
        if !drafts.exemptions.iter().any(exempt) {
            let what = format!(
                "client \"{client}\": nobody can log in by {word}, a factor is asked of all and it has no place \
                 for a code"
            );
            out.warn(Complaint::wrong(methods_at(draft), what).hint(hint.clone()));
        }
        return;
    }
    for rule in rules.filter(|rule| matches!(rule.rule.then, Requirement::OneOf(_) | Requirement::AllOf(_))) {
        let what = format!(
            "rule \"{}\" requires a factor, and at client \"{client}\" a login by {word} has no place for a \
             code: it is rejected",
            safe(&rule.rule.name)
        );
        let place = rule.then.as_ref().unwrap_or(&rule.place);
        out.warn(Complaint::wrong(place, what).see(methods_at(draft)).hint(hint.clone()));
    }
    if !drafts.rules.iter().filter(here).any(|rule| is_for_everybody(&rule.rule.when)) {
        let what = format!(
            "client \"{client}\": whom no rule names needs a factor, and a login by {word} has no place for a code: \
             it is rejected"
        );
        let hint = "if that is meant, say so with a last rule that has then = \"refuse\"";
        out.warn(Complaint::wrong(methods_at(draft), what).hint(hint));
    }
}

/// Nobody at its clients is left to the rules behind it.
fn is_for_everybody(when: &Condition) -> bool {
    when.parts().iter().all(|part| matches!(part, Condition::Client(_)))
}

/// B-093: only Active Directory tells an expired password from a wrong one and lets its owner change it, over TLS.
fn changes_passwords(draft: &client::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let sees_passwords = draft.settings.login.primary == PrimaryKind::Directory;
    let Some(place) = draft.radius.relay.change_password.as_ref().filter(|_| sees_passwords) else { return };
    let wanted = &draft.settings.login.directory;
    let directory = drafts.directories.iter().find(|directory| directory.name == *wanted);
    let Some(settings) = directory.and_then(|directory| directory.settings.as_ref()) else { return };
    let (why, hint) = match &settings.kind {
        DirectoryKind::File { .. } => {
            ("is a file", "passwords in a file are changed where the file is written")
        }
        DirectoryKind::Ldap { settings, .. } if !settings.is_active_directory() => {
            ("is not Active Directory", "people change their password where the directory offers it")
        }
        DirectoryKind::Ldap { settings, .. } if !settings.changes_passwords() => (
            "has no TLS or no service account",
            "write tls = \"ldaps\" or \"starttls\", and bind-dn with bind-password, there and in its other domains; no \
             password is changed otherwise",
        ),
        DirectoryKind::Ldap { .. } => return,
    };
    let what = format!(
        "client \"{}\": change-password has no effect, directory \"{}\" {why}",
        safe(&draft.settings.login.name),
        safe(wanted)
    );
    out.error(Complaint::wrong(place, what).hint(hint));
}
