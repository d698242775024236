// Reads so many events of each hub with Microsoft's client, and prints what `read` of `docs/downstream/README.md` makes of each.
//
// The arguments are the connection string, that page, and `hub=count` for each hub.
"use strict";

const { readFileSync } = require("node:fs");
const { EventHubConsumerClient, earliestEventPosition } = require("@azure/event-hubs");

const LIMIT_MS = 60_000;
const [connection, page, ...hubs] = process.argv.slice(2);

/** The page's first program in JavaScript, as it stands there. */
function sample() {
  const code = readFileSync(page, "utf8").match(/^```js\n([^]*?)^```/m)[1];
  const module = {};
  new Function("module", "require", code)(module, require);
  return module.exports.read;
}

async function received(hub, count) {
  const client = new EventHubConsumerClient("$Default", connection, hub);
  const events = [];
  await new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`${events.length} events of ${hub}`)), LIMIT_MS);
    const processEvents = async (more) => {
      events.push(...more);
      if (events.length < count) return;
      clearTimeout(timer);
      done();
    };
    client.subscribe({ processEvents, processError: async (error) => failed(error) }, { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 });
  });
  return events;
}

async function main() {
  const read = sample();
  let said = "";
  for (const [hub, count] of hubs.map((it) => it.split("="))) {
    for (const event of await received(hub, Number(count))) {
      said += JSON.stringify({ hub, id: event.messageId, key: read(event).key, content_type: event.contentType, value: read(event).value }) + "\n";
    }
  }
  // Closing the clients waits for their retries; nobody needs them any more. What does not fit into a pipe at once is lost by an exit.
  process.stdout.write(said, () => process.exit(0));
}

main();
