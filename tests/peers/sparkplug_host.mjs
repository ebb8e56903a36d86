// A host application of Sparkplug B: MQTT.js and Cirrus Link's sparkplug-payload. It follows all nodes, and answers each line of standard input
// with what it knows: {"known": true}, {"rebirth": "<group>/<node>"}, {"command": "<topic>", "name": …}, {"state": {…} or "text", "host": …}.
//   node sparkplug_host.mjs PORT
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(import.meta.url);
const mqtt = require("mqtt");
const sparkplug = require("sparkplug-payload").get("spBv1.0");

const nodes = {};
const messages = [];
const plain = (value) => (value !== null && typeof value === "object" && "toNumber" in value ? value.toNumber() : value ?? null);
const metricsOf = (payload) => Object.fromEntries((payload.metrics ?? []).map((metric) => [metric.name, {
  value: plain(metric.value), type: metric.type, at: plain(metric.timestamp), quality: metric.properties?.Quality?.value ?? null,
}]));

function hear(topic, packet) {
  const [, group, kind, node, device] = topic.split("/");
  const payload = sparkplug.decodePayload(packet);
  const metrics = metricsOf(payload), seq = payload.seq === undefined || payload.seq === null ? null : plain(payload.seq);
  messages.push({ kind, device: device ?? null, seq, metrics });
  if (kind.endsWith("CMD")) return;
  const known = (nodes[`${group}/${node}`] ??= { online: false, gaps: 0, deathsOfOthers: 0, devices: {} });
  if (kind === "NBIRTH") Object.assign(known, { online: true, bdSeq: metrics.bdSeq.value, metrics, devices: {} });
  else if (kind === "NDEATH") {
    if (metrics.bdSeq.value !== known.bdSeq) known.deathsOfOthers += 1;
    else known.online = false;
  } else if (seq !== (known.seq + 1) % 256) known.gaps += 1;
  if (seq !== null) known.seq = seq;
  if (kind === "DBIRTH") known.devices[device] = { online: true, metrics };
  else if (kind === "DDATA") Object.assign(known.devices[device].metrics, metrics);
  else if (kind === "DDEATH") known.devices[device].online = false;
  else if (kind === "NDATA") Object.assign(known.metrics, metrics);
}

const client = mqtt.connect(`mqtt://127.0.0.1:${process.argv[2]}`, { clean: true, clientId: "host" });
client.on("message", hear);
client.on("connect", () => client.subscribe("spBv1.0/+/+/+/#", { qos: 1 }, () => console.log(JSON.stringify({ ready: true }))));

const asked = (name) => sparkplug.encodePayload({ timestamp: Date.now(), metrics: [{ name, type: "Boolean", value: true }] });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.rebirth !== undefined) {
    const [group, node] = command.rebirth.split("/");
    await new Promise((done) => client.publish(`spBv1.0/${group}/NCMD/${node}`, asked("Node Control/Rebirth"), { qos: 0 }, done));
  }
  if (command.command !== undefined)
    await new Promise((done) => client.publish(command.command, asked(command.name), { qos: 1 }, done));
  if (command.state !== undefined) {
    const text = typeof command.state === "string" ? command.state : JSON.stringify(command.state);
    await new Promise((done) => client.publish(`spBv1.0/STATE/${command.host}`, text, { qos: 1, retain: true }, done));
  }
  console.log(JSON.stringify({ nodes, messages }));
}
client.end(true);
