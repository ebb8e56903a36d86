// The MQTT broker aedes, which keeps its sessions in a database in the folder.
//
//   node aedes.mjs PORT FOLDER
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import persistence from 'aedes-persistence-level'
import { ClassicLevel } from 'classic-level'

const [port, folder] = process.argv.slice(2)
const broker = await Aedes.createBroker({
  persistence: persistence(new ClassicLevel(join(folder, 'aedes')))
})
const server = createServer(broker.handle)
server.listen(Number(port), '127.0.0.1')
process.on('SIGTERM', () => {
  server.close()
  broker.close(() => process.exit(0))
})
