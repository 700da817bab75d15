//! How many logins at once and how often, and who is slowed.

use toml::Value;

use crate::base::table::friendly;
use crate::config::settings::LimitSettings;
use crate::config::show::table;

/// What `[limits]` has beside wrong passwords and codes.
pub(super) fn rates(limits: &LimitSettings) -> Vec<(&'static str, Value)> {
    let number = |n: usize| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    let (admission, spray) = (&limits.admission, &limits.spray);
    let codes = admission.codes_per_minute.0.iter().map(|(kind, most)| (kind.word(), most.get().into()));
    let spray = vec![
        ("window", friendly(spray.window).into()),
        ("names-per-source", spray.names_per_source.into()),
        ("names-per-password", spray.names_per_password.into()),
        ("sources-per-name", spray.sources_per_name.into()),
        ("slowed-per-minute", spray.slowed_per_minute.get().into()),
    ];
    vec![
        ("codes-per-minute", table(codes.collect())),
        ("spray", table(spray)),
        ("logins", number(admission.at_once)),
        ("logins-per-client", number(admission.at_once_per_client)),
        ("logins-per-second", admission.per_second.get().into()),
        ("client-per-second", admission.client_per_second.get().into()),
        ("source-per-minute", admission.source_per_minute.get().into()),
        ("source-at-once", number(admission.at_once_per_source)),
        ("realm-per-minute", admission.realm_per_minute.get().into()),
        ("subject-per-minute", admission.subject_per_minute.get().into()),
        ("subject-at-once", number(admission.at_once_per_subject)),
    ]
}
