//! Functions that the clock calls.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::App;

fn timer(schedule: &str, more: &Value) -> Value {
    let mut trigger = json!({"type": "timerTrigger", "name": "t", "schedule": schedule});
    trigger
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap());
    json!([trigger])
}

#[tokio::test]
async fn a_schedule_may_be_a_setting_and_comes_again_and_again() {
    let app = App::new()
        .function("tick", timer("%Often%", &json!({})))
        .setting("Often", "* * * * * *");
    let mut host = app.start().await;
    for _ in 0..2 {
        let call = host.envelope("tick").await;
        assert_eq!(call["envelope"]["Data"]["t"]["IsPastDue"], false);
        // More than once a minute: not remembered.
        assert_eq!(call["envelope"]["Data"]["t"]["ScheduleStatus"], Value::Null);
    }
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_once() {
    let app = App::new().function("daily", timer("0 0 3 * * *", &json!({"runOnStartup": true})));
    let folder = app.path().join("data/timers");
    std::fs::create_dir_all(&folder).unwrap();
    let status = json!({"schedule": "0 0 3 * * *", "last": "2026-01-01T03:00:00Z", "next": "2026-01-02T03:00:00Z",
        "lastUpdated": "2026-01-01T03:00:01Z"});
    std::fs::write(folder.join("daily.json"), status.to_string()).unwrap();
    let mut host = app.start().await;
    let call = host.envelope("daily").await;
    let data = &call["envelope"]["Data"]["t"];
    assert_eq!(data["IsPastDue"], true);
    assert_eq!(data["ScheduleStatus"]["Last"], "2026-01-01T03:00:00+00:00");
    assert_eq!(data["ScheduleStatus"]["Next"], "2026-01-02T03:00:00+00:00");
    host.line("Executed 'Functions.daily' (Succeeded").await;
    host.stop().await;
    let kept: Value = serde_json::from_slice(&std::fs::read(folder.join("daily.json")).unwrap()).unwrap();
    assert!(kept["next"].as_str().unwrap() > "2026-01-02T03:00:00Z");
    // It was made up for; at the next start there is only the call that runOnStartup asks for.
    let mut host = app.start().await;
    assert_eq!(
        host.envelope("daily").await["envelope"]["Data"]["t"]["IsPastDue"],
        false
    );
}

#[tokio::test]
async fn a_bad_schedule_is_told_and_the_rest_goes_on() {
    let app = App::new()
        .function("bad", timer("0 0 0 * * 7", &json!({})))
        .function("good", timer("0 0 0 * * 6", &json!({"runOnStartup": true})));
    let mut host = app.launch(&[]).await;
    host.line("The 'bad' function is in error: '7' is no day of week").await;
    host.envelope("good").await;
    let timers = host.get("/_devhost/timers").await.json();
    assert_eq!(timers[0]["function"], "good");
    assert!(timers[0]["next"].as_str().unwrap().ends_with("T00:00:00Z"));
}

#[tokio::test]
async fn a_timer_goes_by_the_clocks_of_its_zone() {
    let app = App::new()
        .function("daily", timer("0 30 9 * * *", &json!({"runOnStartup": true})))
        .setting("WEBSITE_TIME_ZONE", "Asia/Kolkata");
    let mut host = app.start().await;
    let call = host.envelope("daily").await;
    let status = &call["envelope"]["Data"]["t"]["ScheduleStatus"];
    assert!(
        status["Next"].as_str().unwrap().ends_with("T09:30:00+05:30"),
        "{status}"
    );
    assert!(status["LastUpdated"].as_str().unwrap().ends_with("+05:30"), "{status}");
    assert_eq!(status["Last"], "0001-01-01T00:00:00");
    let timers = host.get("/_devhost/timers").await.json();
    assert!(timers[0]["next"].as_str().unwrap().contains("T04:00:00"), "{timers}");
}

#[tokio::test]
async fn a_zone_that_does_not_exist_is_told() {
    let app = App::new()
        .function("daily", timer("0 30 9 * * *", &json!({})))
        .setting("WEBSITE_TIME_ZONE", "Mars/Phobos");
    let mut host = app.launch(&[]).await;
    host.line("WEBSITE_TIME_ZONE is \"Mars/Phobos\", which is no time zone")
        .await;
}

#[tokio::test]
async fn an_unmonitored_timer_and_an_interval_are_not_remembered() {
    let app = App::new()
        .function(
            "loose",
            timer("0 0 3 * * *", &json!({"runOnStartup": true, "useMonitor": false})),
        )
        .function("every", timer("00:00:01", &json!({})));
    let mut host = app.start().await;
    let loose = host.envelope("loose").await["envelope"]["Data"]["t"].clone();
    assert_eq!(loose["ScheduleStatus"], Value::Null);
    assert_eq!(loose["Schedule"]["AdjustForDST"], true);
    let every = host.envelope("every").await["envelope"]["Data"]["t"].clone();
    assert_eq!(every["Schedule"]["AdjustForDST"], false);
    assert!(!app.path().join("data/timers/loose.json").exists());
    assert!(!app.path().join("data/timers/every.json").exists());
}

/// One data folder, one host: so there is one instance of a timer.
#[tokio::test]
async fn a_second_host_does_not_call_the_same_timers() {
    let app = App::new().function("tick", timer("* * * * * *", &json!({})));
    let mut first = app.start().await;
    let second = app.command(&[]).output().await.unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    let words = format!("is in use by process {}", first.child.id().unwrap());
    assert!(said.contains(&words), "{said}");
    first.envelope("tick").await;
}
