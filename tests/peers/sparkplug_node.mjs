// An edge node of Sparkplug B with devices: Cirrus Link's sparkplug-client. It bears itself, answers a request for rebirth, and takes a line of
// standard input at a time: {"device": …, "born": {metric: value}}, {"device": …, "data": {…}} (by alias alone), {"device": …, "dies": true},
// {"skip": true} (a message that gets lost), {"device": …, "history": [[at, {…}], …]}; the answer says what it was commanded.
//   node sparkplug_node.mjs PORT GROUP NODE [KEEPALIVE]
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(import.meta.url);
const { newClient } = require("sparkplug-client");
const [port, groupId, edgeNode, keepalive] = process.argv.slice(2);
const client = newClient({
  serverUrl: `mqtt://127.0.0.1:${port}`, username: "", password: "", groupId, edgeNode, clientId: `${groupId}-${edgeNode}`,
  keepalive: Number(keepalive ?? 5), publishDeath: true,
});

const devices = {}, aliases = {}, commands = [];
let connected;
const ready = new Promise((done) => (connected = done));
const typed = (value) => ({ type: typeof value === "string" ? "String" : typeof value === "boolean" ? "Boolean" : "Double", value });
const aliasOf = (device, name) => (aliases[`${device}/${name}`] ??= Object.keys(aliases).length + 1);
const metrics = (device, values, whole, more = {}) => Object.entries(values).map(([name, value]) => ({
  ...(whole ? { name } : {}), alias: aliasOf(device, name), timestamp: Date.now(), ...typed(value), ...more,
}));

function bearAll() {
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [{ name: "Node Control/Rebirth", type: "Boolean", value: false }] });
  for (const device of Object.keys(devices)) bear(device);
}
const bear = (device) => client.publishDeviceBirth(device, { timestamp: Date.now(), metrics: metrics(device, devices[device], true) });

client.on("birth", () => { bearAll(); connected(); });
client.on("ncmd", (payload) => {
  for (const metric of payload.metrics) {
    commands.push(metric.name);
    if (metric.name === "Node Control/Rebirth" && metric.value) bearAll();
  }
});
client.on("dcmd", (device) => commands.push(`device ${device}`));
await ready;
console.log(JSON.stringify({ ready: true }));

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { device, born, data, history, dies, skip } = JSON.parse(line);
  if (born) { devices[device] = born; bear(device); }
  if (data) {
    Object.assign(devices[device], data);
    client.publishDeviceData(device, { timestamp: Date.now(), metrics: metrics(device, data, false) });
  }
  if (history) {
    const past = history.flatMap(([timestamp, values]) => metrics(device, values, false, { timestamp, isHistorical: true }));
    client.publishDeviceData(device, { timestamp: Date.now(), metrics: past });
  }
  if (dies) { delete devices[device]; client.publishDeviceDeath(device, { timestamp: Date.now() }); }
  if (skip) client.incrementSeqNum();
  console.log(JSON.stringify({ commands }));
}
client.stop();
