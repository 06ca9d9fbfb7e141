//! The JSON Schema of the adapter protocol, made from the types that read it.

use super::message as m;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Params and result of every method, by direction.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let g = &mut generator;
    let to_adapter = json!({
        "initialize": method::<m::Initialize, m::Initialized>(g),
        "start": method::<m::Start, m::Empty>(g),
        "signIn": method::<m::SignIn, m::Empty>(g),
        "signOut": method::<m::Empty, m::Empty>(g),
        "status": method::<m::Empty, m::Status>(g),
        "currentUserId": method::<m::Empty, m::CurrentUser>(g),
        "configure": method::<m::Configure, m::Empty>(g),
        "setUserId": method::<m::SetUserId, m::Empty>(g),
        "identify": method::<m::Identify, m::Empty>(g),
        "request": method::<m::Request, m::Requested>(g),
        "refresh": method::<m::Empty, m::Empty>(g),
        "storage": method::<m::Empty, m::Items>(g),
        "lockStorage": method::<m::LockStorage, m::Empty>(g),
        "foreground": method::<m::Empty, m::Empty>(g),
        "clock": method::<m::Clock, m::Empty>(g),
        "stop": method::<m::Stop, m::Empty>(g),
    });
    let to_app = json!({
        "initialize": method::<m::Initialize, m::Initialized>(g),
        "start": method::<m::AppStart, m::Empty>(g),
        "setUser": method::<m::SetUser, m::Empty>(g),
        "reconcile": method::<m::Empty, m::Empty>(g),
        "stop": method::<m::Empty, m::Empty>(g),
    });
    let from_app = json!({
        "sdk.status": method::<m::Empty, m::Status>(g),
        "sdk.currentUserId": method::<m::Empty, m::CurrentUser>(g),
        "sdk.signIn": method::<m::SignIn, m::Empty>(g),
        "sdk.signOut": method::<m::Empty, m::Empty>(g),
        "backend.signInToken": method::<m::Empty, m::Authenticated>(g),
    });
    let from_adapter = json!({
        "authenticate": method::<m::Authenticate, m::Authenticated>(g),
        "sleep": method::<m::Sleep, m::Clock>(g),
    });
    let notifications = json!({
        "toAdapter": { "cancel": g.subschema_for::<m::Cancel>() },
        "fromAdapter": { "hello": g.subschema_for::<m::Hello>(), "statusChanged": g.subschema_for::<m::Status>(), "log": g.subschema_for::<m::Log>() },
    });
    let error_data = g.subschema_for::<m::ErrorData>();
    let mut defs: Map<String, Value> = generator.take_definitions(true);
    defs.insert("Message".into(), message_schema(&error_data.to_value()));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Vouch adapter protocol {}", super::VERSION),
        "description": "A line is one `Message`. `requestsToAdapter`, `requestsFromAdapter` and `notifications` give params and results by method.",
        "$ref": "#/$defs/Message",
        "requestsToAdapter": to_adapter,
        "requestsFromAdapter": from_adapter,
        "requestsToApp": to_app,
        "requestsFromApp": from_app,
        "notifications": notifications,
        "$defs": defs,
    })
}

fn method<P: JsonSchema, R: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!({ "params": generator.subschema_for::<P>(), "result": generator.subschema_for::<R>() })
}

/// JSON-RPC 2.0, as far as the protocol uses it.
fn message_schema(error_data: &Value) -> Value {
    let id = json!({ "type": ["integer", "string"] });
    let version = json!({ "const": "2.0" });
    let params = json!({ "type": "object" });
    json!({ "oneOf": [
        { "title": "request", "type": "object", "required": ["jsonrpc", "id", "method"],
          "properties": { "jsonrpc": version, "id": id, "method": { "type": "string" }, "params": params } },
        { "title": "notification", "type": "object", "required": ["jsonrpc", "method"], "not": { "required": ["id"] },
          "properties": { "jsonrpc": version, "method": { "type": "string" }, "params": params } },
        { "title": "result", "type": "object", "required": ["jsonrpc", "id", "result"], "not": { "required": ["method"] },
          "properties": { "jsonrpc": version, "id": id, "result": {} } },
        { "title": "error", "type": "object", "required": ["jsonrpc", "id", "error"], "not": { "required": ["method"] },
          "properties": { "jsonrpc": version, "id": id, "error": { "type": "object", "required": ["code", "message"],
            "properties": { "code": { "type": "integer" }, "message": { "type": "string" }, "data": error_data } } } },
    ] })
}

#[cfg(test)]
mod tests {
    use super::super::SdkMethod;
    use super::*;

    #[test]
    fn the_schema_has_every_sdk_method() {
        let schema = schema();
        let methods = schema["requestsToAdapter"].as_object().expect("an object").keys();
        let methods: Vec<_> = methods.filter(|method| !["initialize", "stop"].contains(&method.as_str())).collect();
        assert_eq!(methods, SdkMethod::WORDS);
    }
}
