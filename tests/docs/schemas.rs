//! The published shapes of the status endpoints are those of the code. `UPDATE=1 cargo test --test docs schema` writes them anew.

use std::fs;

use kafka_eventhubs_bridge::admin::Answer;
use kafka_eventhubs_bridge::status::document::Document;
use schemars::{Schema, schema_for};

use crate::pages::root;

#[test]
fn the_schemas_of_status_and_changes_are_fresh() {
    let fresh = |name: &str, schema: Schema| {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let file = root().join("docs/schemas").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let on_disk = fs::read_to_string(&file).unwrap_or_default();
        assert!(on_disk == text, "{name} is stale: run `UPDATE=1 cargo test --test docs schema`");
    };
    fresh("status.json", schema_for!(Document));
    fresh("changes.json", schema_for!(Answer));
}
