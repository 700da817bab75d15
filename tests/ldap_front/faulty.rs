//! A fault mode where the store is away.

use crate::gateway::{Gateway, Wish};
use crate::puppet::Puppet;
use crate::support::slapd::PASSWORD;
use crate::{ANNA, BASE};

const MODE: &str = "
[[on-fault]]
name = \"store-move\"
owner = \"network team\"
reason = \"the store moves\"
valid-until = \"2099-12-31\"
then = \"first-factor-only\"
";

#[test]
fn a_bind_is_let_in_by_its_password_while_the_store_is_away_and_no_other_is() {
    let wish = Wish { tables: MODE, ..Wish::default() };
    let gateway = Gateway::in_front_of(Puppet::start(), &wish);
    assert_eq!(gateway.connect().bind(ANNA, &gateway.password("anna")), 0);
    let store = rusqlite::Connection::open(gateway.lab.path("doorward.db")).unwrap();
    for table in ["subject", "failure"] {
        store.execute_batch(&format!("ALTER TABLE {table} RENAME TO {table}_elsewhere")).unwrap();
    }
    let unchecked = format!("{PASSWORD}{}", gateway.wrong_code("anna"));
    assert_eq!(gateway.connect().bind(ANNA, &unchecked), 0);
    let wrong = unchecked.replace("horse", "house");
    assert_eq!(gateway.connect().bind(ANNA, &wrong), 49);
    let nobody = format!("uid=nobody,ou=people,{BASE}");
    assert_eq!(gateway.connect().bind(&nobody, &unchecked), 49);
    let reasons = gateway.wait_for_reasons(4);
    assert_eq!(reasons, ["confirmed", "fault-first-factor", "wrong-password", "unknown-subject"]);
}
