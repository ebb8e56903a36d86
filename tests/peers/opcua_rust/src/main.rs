//! An OPC UA server in Rust (async-opcua): no security, five nodes in a Read, one item in a subscription.
//!
//!     opcua_rust PORT [EXTRA_NAMESPACES]
//!
//! A vendor's tags, set over standard input: {"set": "Execution", "value": "ACTIVE"}. EXTRA_NAMESPACES are registered first, so that the one
//! with the tags gets another index.

use std::sync::Arc;

use opcua::server::address_space::{ObjectBuilder, VariableBuilder};
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{simple_node_manager, SimpleNodeManager};
use opcua::server::{ServerBuilder, ServerHandle};
use opcua::types::{DataTypeId, DataValue, NodeId, ObjectId, ObjectTypeId, Variant};
use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt, BufReader};

const URI: &str = "urn:test-factory";
const TAGS: [(&str, DataTypeId); 2] = [("Execution", DataTypeId::String), ("EmergencyStop", DataTypeId::Boolean)];

fn namespace(uri: &str) -> NamespaceMetadata {
    NamespaceMetadata { namespace_uri: uri.to_owned(), ..Default::default() }
}

fn variant(value: &Value) -> Variant {
    match value {
        Value::Bool(flag) => Variant::from(*flag),
        Value::String(text) => Variant::from(text.as_str()),
        other => panic!("no tag has a value like {other}"),
    }
}

fn node(index: u16, tag: &str) -> NodeId {
    NodeId::new(index, format!("Saw.{tag}"))
}

fn add_tags(manager: &SimpleNodeManager, index: u16) {
    let space = manager.address_space();
    let mut space = space.write();
    let folder = NodeId::new(index, "Saw");
    ObjectBuilder::new(&folder, "Saw", "Saw")
        .organized_by(ObjectId::ObjectsFolder)
        .has_type_definition(ObjectTypeId::FolderType)
        .insert(&mut *space);
    for (name, data_type) in TAGS {
        let first = if name == "Execution" { Variant::from("READY") } else { Variant::from(false) };
        VariableBuilder::new(&node(index, name), name, name)
            .data_type(data_type)
            .value(first)
            .component_of(folder.clone())
            .insert(&mut *space);
    }
}

async fn obey(handle: ServerHandle, manager: Arc<SimpleNodeManager>, index: u16) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let command: Value = serde_json::from_str(&line).expect("one JSON command a line");
        let name = command["set"].as_str().expect("the tag to set");
        manager
            .set_value(handle.subscriptions(), &node(index, name), None, DataValue::new_now(variant(&command["value"])))
            .expect("a tag that exists");
        println!("{}", json!({"done": true}));
    }
    handle.cancel();
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let port: u16 = arguments[1].parse().expect("a port");
    let extra: usize = arguments.get(2).map_or(0, |text| text.parse().expect("a number of namespaces"));
    let mut builder = ServerBuilder::new_anonymous("opcua_rust").application_uri("urn:opcua-rust").host("127.0.0.1").port(port);
    for number in 0..extra {
        builder = builder.with_node_manager(simple_node_manager(namespace(&format!("urn:extra:{number}")), "extra"));
    }
    builder = builder.with_node_manager(simple_node_manager(namespace(URI), "tags"));
    builder.limits_mut().operational.max_nodes_per_read = 5;
    builder.limits_mut().subscriptions.max_monitored_items_per_sub = 1;
    let (server, handle) = builder.build().expect("a server");
    let manager = handle
        .node_managers()
        .get_by_name::<SimpleNodeManager>("tags")
        .expect("the node manager of the tags");
    let index = handle.get_namespace_index(URI).expect("the index of the namespace");
    add_tags(&manager, index);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
    let mut names = vec![String::new(); index as usize + 1];
    names[index as usize] = URI.to_owned();
    println!("{}", json!({"ready": true, "namespaces": names, "version": "async-opcua 0.19.0"}));
    tokio::spawn(obey(handle, manager, index));
    server.run_with(listener).await.expect("a server that runs");
}
