// What is held and why: entries of one kind together, with the bridge's own words, its hint, and what the runbook says.

import { at, chip, keyed, make, paint, say, show, words, write } from './dom.js';
import { RUNBOOKS } from './runbooks.js';
import { STATES, count, duration, hinted, ranges } from './words.js';

/** What a kind is called, and the state it is shown as; causes come before what follows from them. */
const KINDS = {
  kafka: ['Kafka is away', STATES.away],
  namespace: ['Namespace that is not connected', STATES.away],
  halted: ['Kafka partition that is halted', STATES.halted],
  hub: ['Hub that accepts no events', STATES.away],
  delivery: ['Retried, and not stored yet', STATES.retrying],
  token: ['Token that has expired', STATES.away],
  topic: ['Topic that is missing', STATES.held],
  dead_letters: ['Dead-letter topic that is missing', STATES.held],
  place: ['No hub partition for the topic', STATES.held],
  throttled: ['Throttled namespace', STATES.throttled],
  partition: ['Kafka partitions that are not read', STATES.held],
};
/** Lines of a group that are shown before somebody asks for all, and at most. */
const FEW = 4;
const MOST = 300;
/** Names in one line. */
const NAMES = 8;
/** A step that only says where to read what this page shows. */
const SAYS = /^Look at (the log|`\/readyz`)[,:]/;

function kindOf(entry) {
  if (entry.kind === 'partition' && entry.runbook === 'EventHubsBridgePartitionHalted') return 'halted';
  return String(entry.kind);
}

const known = (kind) => (Object.hasOwn(KINDS, kind) ? KINDS[kind] : [kind, STATES.held]);

function groups(held) {
  const found = new Map();
  for (const entry of held) {
    const kind = kindOf(entry);
    const key = `${kind}\n${entry.runbook}`;
    if (!found.has(key)) found.set(key, { key, kind, runbook: entry.runbook, entries: [] });
    found.get(key).entries.push(entry);
  }
  for (const group of found.values()) group.lines = together(group.entries);
  const order = Object.keys(KINDS);
  const place = (group) => (order.includes(group.kind) ? order.indexOf(group.kind) : order.length);
  return [...found.values()].sort((one, other) => place(one) - place(other));
}

/** What is held for the same reason is one line: partitions of a topic, or hubs of a namespace. */
function together(entries) {
  const found = new Map();
  for (const entry of entries) {
    const key = JSON.stringify([entry.namespace, entry.kind === 'partition' ? entry.topic : null, entry.detail]);
    const like = found.get(key);
    if (like) {
      like.all.push(entry);
      like.seconds = Math.max(like.seconds ?? 0, entry.seconds ?? 0);
    } else {
      found.set(key, { key, ...entry, all: [entry] });
    }
  }
  return [...found.values()];
}

/** What a line is about, in names. */
function nameOf(line) {
  if (line.kind === 'partition') return `${line.topic} / ${ranges(line.all.map((entry) => entry.partition))}`;
  const names = line.all.slice(0, NAMES).map(one).join(', ');
  return line.all.length > NAMES ? `${names} and ${count(line.all.length - NAMES)} more` : names;
}

function one(entry) {
  if (entry.kind === 'place') return `${entry.topic} → ${entry.hub}`;
  return String(entry.hub ?? entry.dead_letter_topic ?? entry.topic ?? entry.namespace ?? entry.shard ?? '');
}

/** What holds everything, and therefore is told elsewhere than among what is held while the rest runs. */
function whole({ shards, namespaces, held }) {
  const away = shards.filter((shard) => !shard.joined && shard.kafka != null);
  const said = new Set(held.filter((entry) => entry.kind === 'hub').map((entry) => entry.namespace));
  const down = namespaces.filter((each) => !each.connected && each.detail != null && !said.has(each.namespace));
  return [
    ...away.map((shard) => ({ kind: 'kafka', shard: `shard ${shard.shard}`, detail: shard.kafka, runbook: 'EventHubsBridgeNoBroker' })),
    ...down.map(({ namespace, detail }) => ({ kind: 'namespace', namespace, detail, runbook: 'EventHubsBridgeDisconnected' })),
  ];
}

export function paintHeld(status) {
  const all = groups([...whole(status), ...status.held]);
  show(at('held-none'), !all.length);
  keyed(at('held'), all, (group) => group.key, createGroup, updateGroup);
}

function createGroup(group) {
  const [title] = known(group.kind);
  const node = make('li', 'trouble');
  const mark = chip();
  const number = make('span', 'number');
  const list = make('ul', 'entries');
  const more = make('button', 'more', { type: 'button' });
  node.parts = { mark, number, list, more, open: false };
  more.addEventListener('click', () => {
    node.parts.open = !node.parts.open;
    updateGroup(node, node.parts.group);
  });
  node.append(make('h3', '', {}, mark, title, number), list, more, ...runbook(group.runbook));
  return node;
}

function updateGroup(node, group) {
  const { parts } = node;
  const { entries, lines } = group;
  parts.group = group;
  paint(parts.mark, known(group.kind)[1]);
  say(parts.number, entries.length > 1 ? count(entries.length) : '');
  const shown = lines.slice(0, parts.open ? MOST : FEW);
  keyed(parts.list, shown, (line) => line.key, createEntry, updateEntry);
  const left = lines.length - shown.length;
  show(parts.more, left > 0 || parts.open);
  say(parts.more, parts.open ? (left ? `Show fewer; ${count(left)} more are not shown` : 'Show fewer') : `Show ${count(left)} more`);
}

function createEntry() {
  const node = make('li', 'entry');
  const [name, age, detail, hint] = [make('b', 'of'), make('span', 'age'), make('span', 'detail'), make('span', 'hint')];
  node.parts = { name, age, detail, hint };
  node.append(name, age, make('span', 'why-held', {}, detail, hint));
  return node;
}

function updateEntry(node, entry) {
  const { name, age, detail, hint } = node.parts;
  const [what, todo] = hinted(entry.detail);
  say(name, nameOf(entry));
  say(age, entry.seconds ? `for ${duration(entry.seconds)}` : '');
  write(detail, what);
  write(hint, todo);
  show(hint, todo !== '');
}

/** The words of the runbook: the first thing to do; what it means, and the rest of it, on demand. */
function runbook(name) {
  if (!Object.hasOwn(RUNBOOKS, name)) return [];
  const { means, steps } = RUNBOOKS[name];
  const first = steps.find((step) => !SAYS.test(step));
  const nodes = first ? [make('p', 'first', {}, make('b', '', {}, 'First: '), ...words(first))] : [];
  const list = make('ol', '', {}, ...steps.map((step) => make('li', '', {}, ...words(step))));
  const title = make('summary', '', {}, 'What it means, and what to do: ', make('code', '', {}, name));
  return [...nodes, make('details', '', {}, title, make('p', '', {}, ...words(means)), list)];
}
