//! The language, by examples and by any text at all.

use proptest::prelude::*;
use serde_json::json;

use super::{CorrelationFilter, Filter, Outcome, Rule};
use crate::servicebus::BrokerMessage;

fn message() -> BrokerMessage {
    let properties = json!({
        "color": "red", "size": 7, "price": 2.5, "urgent": true, "nothing": null, "it's": "odd", "list": [1], "big": u64::MAX,
    });
    BrokerMessage {
        message_id: "m-1".to_owned(),
        subject: Some("order".to_owned()),
        session_id: Some("s".to_owned()),
        application_properties: properties.as_object().cloned().unwrap_or_default(),
        ..BrokerMessage::default()
    }
}

fn sql(condition: &str) -> Result<Rule, String> {
    Rule::new("r", Filter::Sql(condition.to_owned()), None)
}

fn matches(condition: &str) -> Result<bool, String> {
    let outcome = sql(condition)?.apply(&message()).map_err(|error| error.to_string())?;
    Ok(outcome == Outcome::Taken)
}

#[test]
fn conditions_that_hold() {
    for condition in [
        "1 = 1",
        "color = 'red'",
        "user.color='red'",
        "COLOR IS NULL",
        "sys.Label = 'order' AND SYS.subject = 'order'",
        "sys.MessageId <> 'x'",
        "[color] = 'red' AND \"color\" = 'red'",
        "[it's] = 'odd'",
        "color <> 'blue' and not color = 'blue'",
        "size = 7 AND size = 7.0 AND size > 6.5 AND size != 8",
        "size >= 7 AND size <= 7 AND size < 8 AND price > 2",
        "urgent = TRUE AND urgent <> false",
        "color IN ('blue', 'red')",
        "color NOT IN ('blue', 'green')",
        "size IN (1, 3 + 4)",
        "color LIKE 'r%' AND color LIKE '_e_' AND color NOT LIKE '%x%'",
        "'50%' LIKE '50\\%' ESCAPE '\\'",
        "EXISTS(color) AND EXISTS (sys.SessionId) AND NOT EXISTS(nope) AND NOT EXISTS(sys.To)",
        "EXISTS(nothing) AND nothing IS NULL AND color IS NOT NULL AND sys.To IS NULL",
        "2 + 3 * 4 = 14 AND (2 + 3) * 4 = 20 AND 10 - 2 - 3 = 5 AND 7 / 2 = 3 AND 7 % 4 = 3 AND 7.0 / 2 = 3.5",
        "-size = -7 AND - -7 = +7 AND 1e3 = 1000 AND .5 = 0.5",
        "'a' + 'b' = 'ab' AND 'it''s' = 'it''s'",
        "color = 'red' OR nope = 1 / 0",
        "(color = 'blue' OR color = 'red') AND size = 7",
        "color = 'red' OR color = 'blue' AND size = 0",
        "property('color') = 'red' AND p('co' + 'lor') = color",
        "p('nope') = 1 OR TRUE = TRUE",
        "newid() <> newid()",
        "color <> 1 AND 'a' < 'b'",
        "big > 9223372036854775807",
        "(((1))) = 1",
        "list IS NULL",
    ] {
        assert_eq!(matches(condition), Ok(true), "{condition}");
    }
}

/// What is unknown is not true, and neither is its opposite.
#[test]
fn conditions_that_do_not_hold() {
    for condition in [
        "1 = 0",
        "color = 'RED'",
        "Color = 'red'",
        "nope = 1",
        "nope <> 1",
        "NOT nope = 1",
        "nope = nope",
        "nope > 1 OR nope <= 1",
        "nope + 1 = 1",
        "-nope = 1",
        "nope LIKE '%'",
        "nope IN (1, 2)",
        "nope NOT IN (1, 2)",
        "size IN (1, nope)",
        "size NOT IN (1, nope)",
        "nope = 1 AND color = 'red'",
        "color = 1",
        "urgent = 1",
        "color = 'blue' AND nope = 1 / 0",
        "'a' LIKE ''",
        "property('nope') = 1",
        "property(nope) = 1",
    ] {
        assert_eq!(matches(condition), Ok(false), "{condition}");
    }
    assert_eq!(matches("size NOT IN (7, nope)"), Ok(false));
    assert_eq!(matches("size IN (7, nope)"), Ok(true));
}

#[test]
fn what_is_not_sql_is_told_with_its_place() {
    for (condition, reason) in [
        ("", "character 1: the text ends too early"),
        ("color", "character 1: a condition is missing"),
        (
            "urgent AND 1 = 1",
            "character 1: a value stands where a condition should",
        ),
        ("1 = 1 = 1", "character 7: the text goes on"),
        (
            "(1 = 1) + 1 = 2",
            "character 1: a condition stands where a value should",
        ),
        ("color = 'red", "character 9: a text without its end"),
        ("[color = 1", "character 1: a name without its end"),
        ("[] = 1", "character 1: a name is empty"),
        ("color == 'red'", "character 8: a property or a value is missing"),
        ("color = ", "character 9: the text ends too early"),
        ("(1 = 1", "character 7: ')' is missing"),
        ("1 = 1)", "character 6: the text goes on"),
        ("color IN ()", "character 11: a property or a value is missing"),
        ("color IN 'red'", "character 10: '(' is missing"),
        ("color NOT 1", "character 11: IN or LIKE is missing"),
        ("'a' IS NULL", "character 1: only a property"),
        ("color IS 1", "character 10: NULL is missing"),
        ("color = NULL", "character 9: NULL stands where"),
        ("EXISTS(1)", "character 8: a property or a value is missing"),
        ("sys.Colour = 1", "character 5: there is no sys.Colour"),
        ("me.color = 1", "character 1: the scope 'me'"),
        ("upper(color) = 'RED'", "character 1: there is no function upper"),
        ("color = @color", "character 9: parameters"),
        ("color = #", "character 9: '#' means nothing"),
        ("1x = 1", "character 1: a number runs into a word"),
        (
            "99999999999999999999 = 1",
            "character 1: 99999999999999999999 is too large",
        ),
        ("1e999 = 1", "character 1: 1e999 is too large"),
        ("AND = 1", "character 1: AND stands where"),
        ("ä = 'ö' ü", "character 9: the text goes on"),
    ] {
        let error = sql(condition).expect_err(condition);
        assert!(error.starts_with(&format!("filter, {reason}")), "{condition}: {error}");
    }
    assert!(sql(&format!("{} 1 = 1", " ".repeat(1_018))).is_ok());
    let long = sql(&format!("{} 1 = 1", " ".repeat(1_019))).expect_err("too long");
    assert!(long.contains("at most 1024 characters"), "{long}");
    for deep in [
        "(".repeat(500) + "1",
        "NOT ".repeat(200) + "1 = 1",
        "-".repeat(500) + "1 = 1",
    ] {
        let error = sql(&deep).expect_err("too deep");
        assert!(error.contains("nested more than 64 deep"), "{error}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_an_error() {
    for (condition, reason) in [
        ("1 / 0 = 1", "divided by zero"),
        ("1 % 0 = 1", "divided by zero"),
        ("9223372036854775807 + 1 = 0", "out of range"),
        ("color > 1", "a text and a number have no order"),
        ("urgent > FALSE", "have no order"),
        ("color + 1 = 1", "cannot be reckoned with"),
        ("-color = 1", "no minus"),
        ("size LIKE '7'", "LIKE cannot compare a number with a text"),
        ("color LIKE 'r' ESCAPE 'xx'", "not one character"),
        ("color LIKE 'r' ESCAPE 1", "not a text"),
        ("color LIKE 'rx' ESCAPE 'x'", "ends with the escape character"),
        ("property(1) = 1", "the name of a property"),
    ] {
        let error = matches(condition).expect_err(condition);
        assert!(error.contains(reason), "{condition}: {error}");
    }
    assert_eq!(matches("-9223372036854775807 - 1 = 1 OR 1.0 / 0 > 1"), Ok(true));
}

fn changed(action: &str) -> Result<BrokerMessage, String> {
    let rule = Rule::new("r", Filter::True, Some(action.to_owned()))?;
    match rule.apply(&message()).map_err(|error| error.to_string())? {
        Outcome::Changed(message) => Ok(*message),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn actions_change_a_copy() {
    let copy = changed(
        "SET sys.To = 'Entity'; SET total = size * price; SET [new one] = color + '!'; REMOVE urgent; set color = nope; \
         remove sys.Label; SET sys.MessageId = sys.MessageId + '-copy'; SET flag = FALSE;",
    )
    .expect("good statements");
    assert_eq!(copy.to.as_deref(), Some("Entity"));
    assert_eq!((copy.subject.as_deref(), copy.message_id.as_str()), (None, "m-1-copy"));
    let properties = json!(copy.application_properties);
    for (name, value) in [
        ("total", json!(17.5)),
        ("new one", json!("red!")),
        ("urgent", json!(null)),
        ("color", json!(null)),
        ("flag", json!(false)),
        ("size", json!(7)),
        ("RuleName", json!("r")),
    ] {
        assert_eq!(properties[name], value, "{name}");
    }
    for (action, reason) in [
        ("", "SET or REMOVE is missing"),
        ("color = 1", "SET or REMOVE is missing"),
        ("SET color", "'=' is missing"),
        ("SET color = 1 = 1", "the text goes on"),
        ("SET sys.Nope = 1", "there is no sys.Nope"),
        ("REMOVE sys.MessageId", "every message has an id"),
        ("SET a = 1 SET b = 2", "the text goes on"),
        ("SET sys.To = 1", "takes texts only"),
        ("SET a = 1 / 0", "divided by zero"),
    ] {
        let error = changed(action).expect_err(action);
        assert!(error.contains(reason), "{action}: {error}");
    }
    let many = "SET a=1;".repeat(33);
    assert!(changed(&many).expect_err("too many").contains("at most 32 statements"));
}

#[test]
fn rules_are_kept_as_they_are_written() {
    let filter = CorrelationFilter {
        label: Some("order".to_owned()),
        ..CorrelationFilter::default()
    };
    let rules = [
        Rule::new(
            "a",
            Filter::Sql("color = 'red'".to_owned()),
            Some("SET x = 1".to_owned()),
        ),
        Rule::new("b", Filter::Correlation(filter), None),
        Rule::new("c", Filter::False, None),
    ]
    .map(|rule| rule.expect("a good rule"));
    let text = serde_json::to_string(&rules).expect("JSON");
    let read: Vec<Rule> = serde_json::from_str(&text).expect("the same again");
    assert_eq!(read, rules);
    assert!(matches!(read[0].apply(&message()), Ok(Outcome::Changed(_))));
    assert_eq!(read[1].apply(&message()), Ok(Outcome::Taken));
    assert_eq!(read[2].apply(&message()), Ok(Outcome::Passed));
    assert!(serde_json::from_str::<Rule>(r#"{"name": "a", "filter": {"Sql": "color ="}}"#).is_err());
}

/// Pieces that make texts which are nearly SQL.
fn nearly_sql() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "color",
        "size",
        "price",
        "nope",
        "urgent",
        "sys.",
        "user.",
        "Label",
        "To",
        "[",
        "]",
        "\"",
        "'",
        "'x'",
        "1",
        "2.5",
        "1e9",
        "9223372036854775807",
        "(",
        ")",
        ",",
        "=",
        "<>",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "ESCAPE",
        "IS",
        "NULL",
        "EXISTS",
        "TRUE",
        "newid()",
        "property(",
        "SET",
        "REMOVE",
        ";",
        "ä",
        "\u{0}",
        "@",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    /// Whatever the text is, there is an answer, and a rule that was accepted can be asked.
    #[test]
    fn any_text_is_answered(text in prop_oneof![any::<String>(), nearly_sql(), prop::collection::vec(any::<u8>(), 0..300)
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())])
    {
        if let Ok(rule) = sql(&text) {
            let _ = rule.apply(&message());
        }
        if let Ok(rule) = Rule::new("r", Filter::True, Some(text)) {
            let _ = rule.apply(&message());
        }
    }

    /// A condition and its opposite are never both true; `De Morgan` holds.
    #[test]
    fn conditions_obey_logic(a in condition(3), b in condition(3)) {
        let truth = |text: String| matches(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")));
        let (is, is_not) = (truth(a.clone())?, truth(format!("NOT ({a})"))?);
        prop_assert!(!(is && is_not));
        prop_assert_eq!(truth(format!("NOT (({a}) AND ({b}))"))?, truth(format!("NOT ({a}) OR NOT ({b})"))?);
        prop_assert_eq!(truth(format!("NOT (({a}) OR ({b}))"))?, truth(format!("NOT ({a}) AND NOT ({b})"))?);
        prop_assert_eq!(truth(format!("({a}) AND ({b})"))?, truth(format!("({b}) AND ({a})"))?);
    }
}

/// Conditions that can always be evaluated.
fn condition(depth: u32) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "color = 'red'",
        "color <> 'red'",
        "size > 5",
        "size < 5",
        "nope = 1",
        "nope IS NULL",
        "EXISTS(size)",
        "size IN (7, nope)",
        "color LIKE 'r%'",
        "price IN (1, nope)",
        "urgent = TRUE",
    ])
    .prop_map(ToOwned::to_owned);
    leaf.prop_recursive(depth, 16, 2, |inner| {
        (inner.clone(), inner, prop::sample::select(vec!["AND", "OR"]))
            .prop_map(|(a, b, operator)| format!("({a} {operator} NOT {b})"))
    })
}
