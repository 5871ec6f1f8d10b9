//! The envelope of a timer.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Schedule, ScheduleStatus};
use crate::config::Function;
use crate::invocation::{Call, Metadata};

const WHOLE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory]:[offset_minute]");
const FRACTION: &[BorrowedFormatItem<'_>] = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond][offset_hour sign:mandatory]:[offset_minute]"
);
/// .NET's first instant: what "never" is.
const NEVER: &str = "0001-01-01T00:00:00";

/// The call of `function`; `status` is what is known before it, nothing where the timer is not remembered.
pub fn timer_call(
    function: &Function,
    schedule: &Schedule,
    status: Option<&ScheduleStatus>,
    is_past_due: bool,
    reason: String,
) -> Call {
    let status = status.map(|status| {
        json!({
            "Last": status.last.map_or_else(|| NEVER.to_owned(), |last| instant(schedule.local(last))),
            "Next": instant(schedule.local(status.next)),
            "LastUpdated": instant(schedule.local(status.last_updated)),
        })
    });
    let timer = json!({
        "Schedule": {"AdjustForDST": schedule.adjusts_for_dst()},
        "ScheduleStatus": status,
        "IsPastDue": is_past_due,
    });
    let data: Map<String, Value> = Map::from_iter([(function.trigger_name.clone(), timer)]);
    Call {
        reason,
        data,
        metadata: Metadata::default(),
    }
}

fn instant(time: OffsetDateTime) -> String {
    let format = if time.nanosecond() == 0 { WHOLE } else { FRACTION };
    time.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, parse_function};
    use std::path::Path;
    use time::macros::datetime;

    /// Vector 31.
    #[test]
    fn a_timer_is_a_plain_object() {
        let json = json!({"bindings": [{"type": "timerTrigger", "name": "t", "schedule": "* * * * *"}]});
        let function = parse_function("fn", Path::new("."), &json, &Settings::default()).unwrap();
        let status = ScheduleStatus {
            schedule: String::new(),
            last: None,
            next: datetime!(2024-11-30 14:45:51 UTC),
            last_updated: datetime!(2024-11-30 14:43:50.403838 UTC),
        };
        let schedule = Schedule::parse("* * * * *", &crate::timers::Zone::utc()).unwrap();
        let call = timer_call(&function, &schedule, Some(&status), false, String::new());
        assert_eq!(
            Value::Object(call.data),
            json!({"t": {
                "Schedule": {"AdjustForDST": true},
                "ScheduleStatus": {
                    "Last": "0001-01-01T00:00:00",
                    "Next": "2024-11-30T14:45:51+00:00",
                    "LastUpdated": "2024-11-30T14:43:50.403838+00:00"
                },
                "IsPastDue": false
            }})
        );
        let metadata = call.metadata.finish("fn");
        assert_eq!(metadata.keys().collect::<Vec<_>>(), ["sys"]);
        let unmonitored = timer_call(&function, &schedule, None, true, String::new());
        assert_eq!(unmonitored.data["t"]["ScheduleStatus"], Value::Null);
    }
}
