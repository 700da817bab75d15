//! `[[directory.other-domain]]`: a further domain of a directory of kind `active-directory`.

use std::path::PathBuf;

use crate::base::table::Reader;
use crate::config::file::OTHER_DOMAIN;
use crate::config::ldap::{base_dn, bind, port, servers, spanned, text, texts};
use crate::config::secret::{Found, Surroundings};
use crate::directory::ldap::{Kind, OtherDomain};

/// Reads all of them; what a password is known by is put before it in `passwords`.
pub(in crate::config) fn read(
    directory: &mut Reader<'_, '_>,
    around: Surroundings<'_>,
    passwords: &mut Vec<(PathBuf, Found)>,
) -> Vec<OtherDomain> {
    let tables = directory.tables("other-domain").into_iter().enumerate();
    let who = directory.who().to_owned();
    let read = |(number, table)| {
        let who = format!("{who}, other-domain {}", usize::saturating_add(number, 1));
        let mut reader = Reader::new(table, who, OTHER_DOMAIN, directory.out());
        let reader = &mut reader;
        let password = bind(reader, around);
        let known_by = PathBuf::from(format!("other-domain {number}"));
        let ca_file = reader.text("ca-file").map(|text| spanned(&text.place, PathBuf::from(text.value)));
        let domain = OtherDomain {
            base_dn: base_dn(reader),
            domain: text(reader, "domain"),
            netbios_domain: text(reader, "netbios-domain"),
            upn_suffixes: texts(reader, "upn-suffixes"),
            servers: servers(reader, Kind::ActiveDirectory),
            site: text(reader, "site"),
            port: port(reader),
            server_names: texts(reader, "server-names"),
            dns_servers: texts(reader, "dns-servers").filter(|servers| !servers.get_ref().is_empty()),
            ca_file,
            bind_dn: text(reader, "bind-dn").filter(|_| password.is_some()),
            bind_password_file: password.as_ref().map(|found| spanned(&found.place, known_by.clone())),
        };
        passwords.extend(password.map(|found| (known_by, found)));
        domain
    };
    tables.map(read).collect()
}
