//! The rules of subscriptions, as the file writes them.

use std::collections::HashSet;

use serde::Deserialize;

use crate::servicebus::path;
use crate::servicebus::rules::{CorrelationFilter, Filter, Rule};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RuleEntry {
    name: String,
    #[serde(default)]
    properties: RuleProperties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct RuleProperties {
    filter_type: String,
    sql_filter: Option<Sql>,
    correlation_filter: Option<CorrelationFilter>,
    action: Option<Sql>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Sql {
    sql_expression: String,
}

/// Reads the rules of a subscription.
pub(super) fn read(subscription: &str, entries: Vec<RuleEntry>, problems: &mut Vec<String>) -> Vec<Rule> {
    let mut names = HashSet::new();
    let mut rules = Vec::new();
    for RuleEntry { name, properties } in entries {
        if !path::is_subscription_name(&name) && name != "$Default" {
            problems.push(format!("{subscription}: '{name}' cannot be the name of a rule"));
        }
        if !names.insert(name.to_lowercase()) {
            problems.push(format!("{subscription}: the rule '{name}' is there twice"));
        }
        match properties.rule(&name) {
            Ok(rule) => rules.push(rule),
            Err(reason) => problems.push(format!("{subscription}: rule '{name}': {reason}")),
        }
    }
    rules
}

impl RuleProperties {
    fn rule(self, name: &str) -> Result<Rule, String> {
        // The emulator writes the short words, resource templates the long ones.
        let kind = self.filter_type.to_ascii_lowercase();
        let (sql, correlation) = (self.sql_filter, self.correlation_filter);
        let filter = match (kind.trim_end_matches("filter"), sql, correlation) {
            ("sql", Some(sql), None) => Filter::Sql(sql.sql_expression),
            ("correlation", None, Some(filter)) if filter.is_empty() => {
                return Err("CorrelationFilter asks for nothing".to_owned());
            }
            ("correlation", None, Some(filter)) => Filter::Correlation(filter),
            ("true", None, None) => Filter::True,
            ("false", None, None) => Filter::False,
            ("sql", _, _) => return Err("FilterType Sql needs SqlFilter and no other".to_owned()),
            ("correlation", _, _) => {
                return Err("FilterType Correlation needs CorrelationFilter and no other".to_owned());
            }
            ("true" | "false", _, _) => return Err(format!("FilterType {} needs no filter", self.filter_type)),
            ("", _, _) => return Err("FilterType is missing: Sql, Correlation, True or False".to_owned()),
            _ => {
                return Err(format!(
                    "FilterType '{}' is not Sql, Correlation, True or False",
                    self.filter_type
                ));
            }
        };
        let action = self.action.map(|action| action.sql_expression);
        Rule::new(name, filter, action.filter(|text| !text.trim().is_empty()))
    }
}
