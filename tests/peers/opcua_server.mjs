// An OPC UA server that is not asyncua: node-opcua with the official nodesets. Its machines are moved over standard input,
// one JSON object a line: {"set": "<name>", "value": ...} or {"bad": "<name>"}.
//   node opcua_server.mjs PORT PKI_FOLDER [EXTRA_NAMESPACES]
// EXTRA_NAMESPACES are registered first, so that all other namespaces get other indexes.
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(import.meta.url);
const {
  OPCUAServer, SecurityPolicy, MessageSecurityMode, DataType, StatusCodes, OPCUACertificateManager, coerceNodeId,
} = require("node-opcua-server");
let extras = {};
for (const name of ["node-opcua-data-model", "node-opcua-certificate-manager", "node-opcua-status-code",
                    "node-opcua-variant", "node-opcua-nodeid", "node-opcua-secure-channel"]) {
  try { extras = { ...extras, ...require(name) }; } catch { /* in another package of this version */ }
}
const pick = (name, value) => value ?? extras[name];
const { nodesets } = require("node-opcua-nodesets");
const Policy = pick("SecurityPolicy", SecurityPolicy);
const Mode = pick("MessageSecurityMode", MessageSecurityMode);
const Type = pick("DataType", DataType);
const Status = pick("StatusCodes", StatusCodes);
const Manager = pick("OPCUACertificateManager", OPCUACertificateManager);

const [port, pki, extraNamespaces = "0"] = process.argv.slice(2);

const serverCertificateManager = new Manager({ automaticallyAcceptUnknownCertificate: true, rootFolder: `${pki}/server` });
const userCertificateManager = new Manager({ automaticallyAcceptUnknownCertificate: true, rootFolder: `${pki}/users` });
await serverCertificateManager.initialize();
await userCertificateManager.initialize();

const server = new OPCUAServer({
  port: Number(port),
  hostname: "127.0.0.1",
  nodeset_filename: [nodesets.standard, nodesets.di, nodesets.ia, nodesets.machinery, nodesets.isa95JobControlV2 ?? nodesets.isa95JobControl, nodesets.machineryJobs,
                     nodesets.machineTool, nodesets.packML].filter(Boolean),
  serverCertificateManager,
  userCertificateManager,
  securityPolicies: [Policy.None, Policy.Basic256Sha256, Policy.Aes128_Sha256_RsaOaep, Policy.Aes256_Sha256_RsaPss],
  securityModes: [Mode.None, Mode.Sign, Mode.SignAndEncrypt],
  allowAnonymous: true,
  maxConnectionsPerEndpoint: 5,
  serverCapabilities: { maxSessions: 4 },
  userManager: { isValidUser: (user, password) => user === "vrijloop" && password === "correct horse" },
});
await server.initialize();
const space = server.engine.addressSpace;
for (let index = 0; index < Number(extraNamespaces); index++) space.registerNamespace(`urn:extra:${index}`);
const own = space.registerNamespace("urn:test-factory");
const uri = (name) => space.getNamespaceIndex(`http://opcfoundation.org/UA/${name}/`);
const [machinery, packml, tool] = [uri("Machinery"), uri("PackML"), uri("MachineTool")];
const machines = space.findNode(`ns=${machinery};i=1001`);
const variables = {};

// OPC 40001-1: the state machine stands below the building blocks, under a name in the maker's namespace.
const lathe = own.addObject({ organizedBy: machines, browseName: "Lathe" });
const blocks = own.addObject({ componentOf: lathe, browseName: "MachineryBuildingBlocks" });
const itemState = space.findObjectType("MachineryItemState_StateMachineType", machinery)
  .instantiate({ browseName: "State", componentOf: blocks });
variables.lathe = { node: itemState.getComponentByName("CurrentState").getPropertyByName("Id"), ns: machinery };

// OPC 40501-1 without a Machinery state: a channel, its state, and the machine's operation mode.
const mill = own.addObject({ organizedBy: machines, browseName: "Mill" });
const monitoring = own.addObject({ componentOf: mill, browseName: { name: "Monitoring", namespaceIndex: tool } });
const channel = own.addObject({ componentOf: monitoring, browseName: "Channel 1" });
const channelState = own.addVariable({
  componentOf: channel, browseName: { name: "ChannelState", namespaceIndex: tool }, dataType: Type.Int32,
});
const millTool = own.addObject({ componentOf: monitoring, browseName: { name: "MachineTool", namespaceIndex: tool } });
const operationMode = own.addVariable({
  componentOf: millTool, browseName: { name: "OperationMode", namespaceIndex: tool }, dataType: Type.Int32,
});
variables.channel = { node: channelState, type: Type.Int32 };
variables.tool_mode = { node: operationMode, type: Type.Int32 };

// OPC 40501-1 with no more than the active program's state.
const grinder = own.addObject({ organizedBy: machines, browseName: "Grinder" });
const production = own.addObject({ componentOf: grinder, browseName: { name: "Production", namespaceIndex: tool } });
const program = own.addObject({ componentOf: production, browseName: { name: "ActiveProgram", namespaceIndex: tool } });
const programState = space.findObjectType("ProductionStateMachineType", tool)
  .instantiate({ browseName: { name: "State", namespaceIndex: tool }, componentOf: program });
variables.program = { node: programState.getComponentByName("CurrentState").getPropertyByName("Id"), ns: tool };

// OPC 30050: nested state machines below a unit that stands anywhere.
const line = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "PackagingLine" });
const unit = own.addObject({ componentOf: line, browseName: "Filler" });
const base = own.addObject({
  componentOf: unit, browseName: { name: "BaseStateMachine", namespaceIndex: packml },
  typeDefinition: space.findObjectType("PackMLBaseStateMachineType", packml),
});
const outer = own.addObject({
  componentOf: base, browseName: { name: "MachineState", namespaceIndex: packml },
  typeDefinition: space.findObjectType("PackMLMachineStateMachineType", packml),
});
const inner = own.addObject({
  componentOf: outer, browseName: { name: "ExecuteState", namespaceIndex: packml },
  typeDefinition: space.findObjectType("PackMLExecuteStateMachineType", packml),
});
for (const [name, parent] of [["packml_base", base], ["packml_machine", outer], ["packml_execute", inner]]) {
  const current = own.addVariable({
    componentOf: parent, browseName: { name: "CurrentState", namespaceIndex: 0 }, dataType: Type.LocalizedText,
  });
  const id = own.addVariable({ propertyOf: current, browseName: { name: "Id", namespaceIndex: 0 }, dataType: Type.NodeId });
  variables[name] = { node: id, ns: packml };
}
const status = own.addObject({ componentOf: unit, browseName: { name: "Status", namespaceIndex: packml } });
variables.packml_mode = {
  node: own.addVariable({
    componentOf: status, browseName: { name: "UnitModeCurrent", namespaceIndex: packml }, dataType: Type.Int32,
  }),
  type: Type.Int32,
};

// A vendor's own tags.
for (const [name, type] of [["Execution", Type.String], ["EmergencyStop", Type.Boolean], ["Program", Type.Int32]]) {
  variables[name] = {
    node: own.addVariable({
      organizedBy: space.rootFolder.objects, browseName: name, nodeId: `s=Saw.${name}`, dataType: type,
    }),
    type,
  };
}

function set(name, value) {
  const { node, ns, type } = variables[name];
  const variant = type === undefined
    ? { dataType: Type.NodeId, value: coerceNode(`ns=${ns};i=${value}`) }
    : { dataType: type, value };
  node.setValueFromSource(variant);
}
function empty(type) {
  if (type === undefined) return coerceNode("i=0");
  return type === Type.Boolean ? false : type === Type.String ? "" : 0;
}
function coerceNode(text) {
  return pick("coerceNodeId", coerceNodeId)(text);
}

for (const [name, value] of Object.entries({
  lathe: 5007, channel: 2, tool_mode: 1, program: 135, packml_base: 71, packml_machine: 53, packml_execute: 28,
  packml_mode: 1, Execution: "READY", EmergencyStop: false, Program: 0,
})) set(name, value);

await server.start();
console.log(JSON.stringify({ ready: true, namespaces: space.getNamespaceArray().map((one) => one.namespaceUri) }));

for await (const text of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(text);
  if (command.set) set(command.set, command.value);
  if (command.bad) {
    const { node, type } = variables[command.bad];
    node.setValueFromSource({ dataType: type ?? Type.NodeId, value: empty(type) }, Status.BadDeviceFailure);
  }
  if (command.remove) space.deleteNode(variables[command.remove].node);
  console.log(JSON.stringify({ done: true, sessions: server.engine.currentSessionCount }));
}
await server.shutdown(0);
process.exit(0);
