//! When directories lock accounts, as `doorward check --connect` shows it (B-087).

use serde_json::{Value, json};

use crate::base::table::friendly;
use crate::gateway::ports::DomainLockout;
use crate::login::throttle::{Limits, LockoutRule};

/// What is said of the domains of one directory.
#[derive(Default)]
pub(super) struct Said {
    pub(super) lines: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// In words; `limits` are those of `limits.password`.
pub(super) fn said(directory: &str, domains: &[DomainLockout], limits: &Limits) -> Said {
    let mut said = Said::default();
    for DomainLockout { domain, rule, finer } in domains {
        let whose = format!("directory \"{directory}\": domain {domain}");
        match rule {
            Ok(rule) => said.add(&whose, *rule, limits),
            Err(fault) => said.warnings.push(fault.to_string()),
        }
        for (name, rule) in finer {
            let name = crate::base::text::safe(name);
            said.add(&format!("{whose}: fine-grained policy \"{name}\""), *rule, limits);
        }
    }
    said
}

impl Said {
    fn add(&mut self, whose: &str, rule: LockoutRule, limits: &Limits) {
        let LockoutRule { threshold, window, lasts } = rule;
        let window = friendly(window);
        let ends =
            lasts.map_or("until an administrator ends it".into(), |time| format!("for {}", friendly(time)));
        match threshold {
            0 => self.lines.push(format!("{whose} never locks accounts")),
            1 => {
                self.lines.push(format!("{whose} locks an account at the first wrong password, {ends}"));
                self.warnings.push(format!(
                    "{whose}: lockoutThreshold is 1, so that any wrong password locks its account and nothing can be done about it here; raise it"
                ));
            }
            _ => self.lines.push(format!(
                "{whose} locks an account at {threshold} wrong passwords, each within {window} of the one before, {ends}"
            )),
        }
        if threshold < 2 {
            return;
        }
        let most = threshold.saturating_sub(1);
        if limits.free > most {
            self.warnings.push(format!(
                "{whose}: limits.password.free is {}, and {threshold} wrong passwords lock an account there; {most} are let through",
                limits.free
            ));
        }
        if limits.first_wait < rule.window {
            self.warnings.push(format!(
                "{whose}: limits.password.first-wait is {}, and wrong passwords count for {window} there; the wait is {window}",
                friendly(limits.first_wait)
            ));
        }
    }
}

/// For programs: by domain.
pub(super) fn json(domains: &[DomainLockout]) -> Value {
    let rule = |rule: &LockoutRule| {
        json!({
            "threshold": rule.threshold,
            "window-seconds": rule.window.as_secs(),
            "locked-seconds": rule.lasts.map(|time| time.as_secs()),
        })
    };
    let domain = |one: &DomainLockout| {
        let finer: serde_json::Map<_, _> =
            one.finer.iter().map(|(name, finer)| (name.to_string(), rule(finer))).collect();
        let own = one.rule.as_ref().map_or(Value::Null, rule);
        (one.domain.to_string(), json!({ "policy": own, "fine-grained": finer }))
    };
    domains.iter().map(domain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::verdict::{Fault, FaultKind};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    fn of(threshold: u32, window: Duration) -> Said {
        let rule = LockoutRule { threshold, window, lasts: None };
        said(
            "corp",
            &[DomainLockout { domain: "corp.example".into(), rule: Ok(rule), finer: Vec::new() }],
            &Limits::PASSWORD,
        )
    }

    #[test]
    fn who_sets_up_more_than_the_domain_allows_is_warned_b_087() {
        assert_eq!(
            of(0, Duration::ZERO).lines,
            ["directory \"corp\": domain corp.example never locks accounts"]
        );
        assert_eq!(of(5, HOUR / 2).warnings, [""; 0]);
        let few = of(3, HOUR).warnings;
        assert_eq!(few.len(), 2, "{few:?}");
        assert!(
            few[0].ends_with("free is 4, and 3 wrong passwords lock an account there; 2 are let through"),
            "{few:?}"
        );
        assert!(few[1].contains("first-wait is 30m, and wrong passwords count for 1h there"), "{few:?}");
        let one = of(1, HOUR).warnings;
        assert!(one.len() == 1 && one[0].contains("lockoutThreshold is 1"), "{one:?}");
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_a_warning_and_null() {
        let fault = Fault::new(FaultKind::DirectoryRefusedUs, "it does not tell");
        let domains = [DomainLockout { domain: "corp.example".into(), rule: Err(fault), finer: Vec::new() }];
        let said = said("corp", &domains, &Limits::PASSWORD);
        assert_eq!((said.lines.len(), said.warnings), (0, vec!["it does not tell".to_owned()]));
        assert_eq!(json(&domains), json!({ "corp.example": { "policy": null, "fine-grained": {} } }));
    }
}
