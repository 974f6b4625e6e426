//! The JSON Schema of the policy language, made from the tables that the reader uses.
//!
//! For editors: completion, and a first complaint. It is looser than the reader, which knows topics, paths and what
//! lines mean together; whatever the reader accepts, the schema accepts.

use serde_json::{Map, Value, json};

use crate::engine::consent::{Preset, Purpose};
use crate::engine::detect::Kind;

use super::category::CATEGORIES;
use super::keys::{ACTIONS, DOMAIN, KEY_TOKEN, POLICY, ROUTE, Shape, Table};

const DURATION: &str = "^[1-9][0-9]*[smhd]$";
const SELECTOR: &str = "^\\$";
const SOURCE: &str = "^(\\$.*|envelope\\.\\$.*|header\\..+|key|timestamp)$";
const NAME: &str = "^[A-Za-z0-9._-]{1,64}$";
const TOPIC: &str = "^[A-Za-z0-9._-]{1,249}$";
const DOMAIN_NAME: &str = "^[a-z0-9-]{1,32}$";

/// The schema, JSON Schema 2020-12.
pub fn schema() -> Value {
    let mut root = table(&POLICY);
    if let Value::Object(map) = &mut root {
        map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), json!("Tamis policy, language 1"));
        map.insert(
            "$defs".to_owned(),
            json!({
                "purpose": {
                    "anyOf": [{"enum": Purpose::KNOWN}, {"type": "string", "pattern": "^x\\.[a-z0-9_-]{1,32}$"}]
                },
                "purposes": {
                    "anyOf": [{"$ref": "#/$defs/purpose"}, {"type": "array", "items": {"$ref": "#/$defs/purpose"}, "uniqueItems": true}]
                },
                "source": {"type": "string", "pattern": SOURCE},
                "literal": {"type": ["string", "number", "boolean", "null"]},
                "rules": {
                    "type": "object",
                    "propertyNames": {"pattern": SELECTOR},
                    "additionalProperties": {"$ref": "#/$defs/rule"}
                },
                "rule": rule(),
            }),
        );
    }
    root
}

fn table(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        let mut value = shape(&key.shape);
        if let Value::Object(map) = &mut value {
            map.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut object = Map::new();
    object.insert("description".to_owned(), json!(table.doc));
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(object)
}

fn shape(wanted: &Shape) -> Value {
    match wanted {
        Shape::Version => json!({"const": 1}),
        Shape::Name => json!({"type": ["string", "number", "boolean", "null"], "pattern": NAME}),
        Shape::Text => json!({"type": ["string", "number", "boolean", "null"], "pattern": "\\S"}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Topics => json!({
            "type": "array", "minItems": 1, "uniqueItems": true,
            "items": {"type": ["string", "number", "boolean", "null"], "pattern": TOPIC}
        }),
        Shape::Split => json!({"type": "string", "pattern": "^\\$.*[\\]*]$"}),
        Shape::Source => json!({"$ref": "#/$defs/source"}),
        // Norway's code is a boolean to some YAML readers.
        Shape::Place => json!({"anyOf": [{"$ref": "#/$defs/source"}, {"type": ["string", "number", "boolean"]}]}),
        Shape::Preset => json!({"enum": Preset::names().collect::<Vec<_>>()}),
        Shape::Reader => json!({"type": "string", "pattern": "^(publisher|vendor:[1-9][0-9]{0,4})$"}),
        Shape::Duration => json!({"type": "string", "pattern": DURATION}),
        Shape::Purposes => json!({"$ref": "#/$defs/purposes"}),
        Shape::PurposeMap => {
            json!({"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/purposes"}})
        }
        Shape::Domain => json!({"type": ["string", "number", "boolean", "null"], "pattern": DOMAIN_NAME}),
        Shape::Domains => {
            json!({"type": "object", "propertyNames": {"pattern": DOMAIN_NAME}, "additionalProperties": table(&DOMAIN)})
        }
        Shape::Routes => json!({
            "type": "object", "minProperties": 1, "propertyNames": {"pattern": TOPIC}, "additionalProperties": table(&ROUTE)
        }),
        Shape::Rules => json!({"$ref": "#/$defs/rules"}),
        Shape::RecordKey => json!({"anyOf": [{"const": "none"}, table(&KEY_TOKEN)]}),
        Shape::Headers | Shape::Words => {
            json!({"type": "array", "uniqueItems": true, "items": {"type": ["string", "number", "boolean", "null"]}})
        }
        Shape::Kinds => {
            let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            json!({"anyOf": [{"enum": ["all", "none"]}, {"type": "array", "items": {"enum": kinds}, "uniqueItems": true}]})
        }
        Shape::Whole(low, high) => json!({"type": "integer", "minimum": low, "maximum": high}),
        Shape::Round => {
            json!({"anyOf": [{"type": "string", "pattern": DURATION}, {"type": "number", "exclusiveMinimum": 0}]})
        }
        Shape::Edges => json!({"type": "array", "minItems": 1, "items": {"type": "number"}}),
        Shape::Literal => json!({"$ref": "#/$defs/literal"}),
        Shape::Literals => json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/literal"}}),
        Shape::Category => {
            let ids: Vec<&str> = CATEGORIES.iter().map(|category| category.id).collect();
            json!({"anyOf": [{"enum": ids}, {"type": "object", "maxProperties": 0}]})
        }
        Shape::Nothing => json!({"type": "object", "maxProperties": 0}),
        Shape::Table(inner) => table(inner),
    }
}

/// Either a word, or a mapping with exactly one action in it.
fn rule() -> Value {
    let bare: Vec<&str> = ACTIONS.iter().filter(|action| action.bare).map(|action| action.name).collect();
    let mut forms = vec![json!({"enum": bare})];
    for action in ACTIONS {
        let mut parameters = shape(&action.shape);
        if let Value::Object(map) = &mut parameters {
            map.insert("description".to_owned(), json!(action.doc));
        }
        let mut properties = Map::new();
        properties.insert(action.name.to_owned(), parameters);
        if action.name != "drop" {
            properties.insert("needs".to_owned(), json!({"$ref": "#/$defs/purposes"}));
        }
        if action.name == "round" {
            properties.insert("unit".to_owned(), json!({"enum": ["s", "ms"]}));
        }
        forms.push(json!({
            "type": "object", "properties": properties, "required": [action.name], "additionalProperties": false
        }));
    }
    json!({"anyOf": forms})
}
