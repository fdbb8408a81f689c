// Appends through Emmett until told otherwise: `node append.mjs CONNECTIONS`, PostgreSQL by the usual PG* variables.
//
// It reads a JSON object a line, {"callers": 16, "seconds": 1} or {"callers": 64, "appends": 20000}, and answers each with the
// milliseconds that every append took, as a JSON array in one line. Each append is one event of a stream of its own, on the
// condition that the stream does not exist.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'

const pool = new pg.Pool({ max: Number(process.argv[2]) })
const store = getPostgreSQLEventStore('postgresql://', { connectionOptions: { pool } })
const data = { payout_id: 'po_2Q', attempt: 1, transfer_id: 'tr_1Nq', amount_minor: 7500, currency: 'usd' }

async function append() {
  const event = { type: 'TransferSettled', data }
  await store.appendToStream(`payout:${randomUUID()}`, [event], { expectedStreamVersion: STREAM_DOES_NOT_EXIST })
}

async function run({ callers, seconds = Infinity, appends = Infinity }) {
  const deadline = performance.now() + 1000 * seconds
  const taken = []
  let left = appends
  const keepAppending = async () => {
    for (let before = performance.now(); before < deadline && left-- > 0; before = performance.now()) {
      await append()
      taken.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: callers }, keepAppending))
  return taken
}

await store.schema.migrate()
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line))))
}
await store.close()
await pool.end()
