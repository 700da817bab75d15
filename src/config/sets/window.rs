//! `[[window]]`: hours of the week under a name.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::base::table::{Reader, Value};
use crate::config::client::check_name;
use crate::config::rule::hours;
use crate::config::sets::Draft;
use crate::login::policy::Window;

/// Reads one; `reader` is already called by its name.
pub(super) fn settle(reader: &mut Reader<'_, '_>) -> Draft<Arc<Window>> {
    let name = reader.need_text("name", "rules name it in time");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let zone = hours::zone(reader).unwrap_or(TimeZone::UTC);
    let example = "for example hours = [{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\" }]";
    match reader.node("hours") {
        None => reader.missing("hours", example),
        Some(node) if matches!(&node.value, Value::List(list) if list.is_empty()) => {
            reader.wrong(&node.place, "hours is an empty list", example);
        }
        Some(_) => {}
    }
    let who = format!("{}: hours", reader.who());
    let tables = reader.tables("hours");
    let hours = tables.into_iter().filter_map(|table| hours::in_window(reader, &who, table, &zone)).collect();
    Draft {
        settings: Arc::new(Window { name: name.as_ref().map_or("", |name| name.value).into(), hours }),
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
    }
}
