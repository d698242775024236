// Reads so many events of a hub's only partition with Microsoft's client, and prints what `Parts` of `docs/downstream/too-large.md` makes
// of them: once as they come, and once with each of them given twice.
//
// The arguments are the connection string, that page, the hub, and how many there are.
"use strict";

const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { EventHubConsumerClient, earliestEventPosition } = require("@azure/event-hubs");

const LIMIT_MS = 60_000;
const [connection, page, hub, count] = process.argv.slice(2);

/** The page's program in JavaScript with `Parts`, as it stands there. */
function sample() {
  const programs = readFileSync(page, "utf8").matchAll(/^```javascript\n([^]*?)^```/gm);
  const code = [...programs].map(([, it]) => it).find((it) => it.includes("class Parts"));
  return new Function(code.replace("export class", "return class"))();
}

async function received() {
  const client = new EventHubConsumerClient("$Default", connection, hub);
  const events = [];
  await new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`${events.length} events`)), LIMIT_MS);
    const processEvents = async (more) => {
      events.push(...more);
      if (events.length < Number(count)) return;
      clearTimeout(timer);
      done();
    };
    client.subscribe(
      { processEvents, processError: async (error) => failed(error) },
      { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1, skipParsingBodyAsJson: true },
    );
  });
  return events;
}

async function main() {
  const Parts = sample();
  const events = await received();
  let said = "";
  const say = (line) => (said += JSON.stringify(line) + "\n");
  for (const times of [1, 2]) {
    const parts = new Parts();
    for (const event of events.flatMap((it) => new Array(times).fill(it))) {
      const value = parts.value(event);
      if (value === undefined) continue;
      say({ times, id: event.messageId, size: value.length, sha256: createHash("sha256").update(value).digest("hex") });
    }
    say({ times, open: parts.open.size });
  }
  // Closing the clients waits for their retries; nobody needs them any more. What does not fit into a pipe at once is lost by an exit.
  process.stdout.write(said, () => process.exit(0));
}

main();
