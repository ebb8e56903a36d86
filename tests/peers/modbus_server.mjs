// A Modbus TCP server that is not pymodbus (npm modbus-serial). One register, set over standard input: {"set": 3}.
//   node modbus_server.mjs PORT        (0: a free one; the answer says which)
import { createRequire } from "node:module";
import readline from "node:readline";

const { ServerTCP } = createRequire(import.meta.url)("modbus-serial");
let word = 1;
const vector = { getHoldingRegister: () => word, getInputRegister: () => word };
const server = new ServerTCP(vector, { host: "127.0.0.1", port: Number(process.argv[2]), unitID: 1 });
server.on("initialized", () => {
  console.log(JSON.stringify({ ready: true, port: server._server.address().port }));
});
for await (const text of readline.createInterface({ input: process.stdin })) {
  word = JSON.parse(text).set;
  console.log(JSON.stringify({ done: true }));
}
process.exit(0);
