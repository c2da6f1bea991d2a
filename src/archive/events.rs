//! The columns of an event, and its place in the feed. The last is the record itself.

use super::orders::said;
use super::table::{Column, Of, Table};
use crate::domain::Event;
use crate::store::{Cursor, StoreError, codec};

/// An event and its place.
pub type Placed = (Cursor, Event);

/// The column that the events of an order are found by.
pub(super) const ORDER: &str = "order_id";
const EPOCH: &str = "epoch";
const SEQUENCE: &str = "sequence";
const INDEX: &str = "index";
const RECORD: &str = "record";

/// Every column, in the order of the file.
pub(super) const COLUMNS: &[Column<Placed>] = &[
    Column { name: EPOCH, of: Of::Long(|(at, _)| Some(at.epoch)) },
    Column { name: SEQUENCE, of: Of::Long(|(at, _)| Some(at.sequence)) },
    Column { name: INDEX, of: Of::Number(|(at, _)| Some(at.index)) },
    // Empty for what happened to the city itself.
    Column {
        name: ORDER,
        of: Of::Text(|(_, event)| (!event.order.is_city()).then(|| event.order.to_string())),
    },
    Column { name: "version", of: Of::Number(|(_, event)| Some(event.version)) },
    Column { name: "at", of: Of::Moment(|(_, event)| Some(event.at)) },
    Column { name: "what", of: Of::Text(|(_, event)| Some(event.what.name().to_owned())) },
    Column { name: "stage", of: Of::Text(|(_, event)| Some(event.stage.name().to_owned())) },
    Column { name: "unit", of: Of::Text(|(_, event)| Some(event.unit.to_string())) },
    Column { name: "category", of: Of::Text(|(_, event)| Some(event.category.to_string())) },
    Column { name: "staff", of: Of::Text(|(_, event)| Some(event.actor.staff.to_string())) },
    Column { name: "staff_unit", of: Of::Text(|(_, event)| Some(event.actor.unit.to_string())) },
    Column {
        name: "staff_role",
        of: Of::Text(|(_, event)| Some(event.actor.role.name().to_owned())),
    },
    Column {
        name: RECORD,
        of: Of::Bytes(|(_, event)| Some(codec::encode_events(std::slice::from_ref(event)))),
    },
];

/// Every event of a file.
pub(super) fn read(table: &Table) -> Result<Vec<Placed>, StoreError> {
    let epochs = table.longs(EPOCH).map_err(said)?;
    let sequences = table.longs(SEQUENCE).map_err(said)?;
    let indexes = table.numbers(INDEX).map_err(said)?;
    let records = table.bytes(RECORD, 0, table.rows()).map_err(said)?;
    let places =
        epochs.into_iter().zip(sequences).zip(indexes).map(|((epoch, sequence), index)| {
            Some(Cursor { epoch: epoch?, sequence: sequence?, index: index? })
        });
    let placed = |(place, record): (Option<Cursor>, Option<Vec<u8>>)| {
        let mut events = codec::decode_events(&record.unwrap_or_default())?;
        let only = if events.len() == 1 { events.pop() } else { None };
        let odd = || StoreError::Damaged("a row that is no event".to_owned());
        place.zip(only).ok_or_else(odd)
    };
    places.zip(records).map(placed).collect()
}
