// The mappings as rows, the troubled ones first; a row opens to show its Kafka partitions.

import { at, chip, keyed, make, paint, say, set, show } from './dom.js';
import { hubKey } from './map.js';
import { BEHIND, STATES, count, duration, rate, reasonOf, several, since, stateOf } from './words.js';

/** Partitions of one mapping that are shown when it is open, at most. */
const MOST = 200;
let opened = 0;

/** Each mapping with its state, why, and what belongs to it; the worst first, otherwise in the order of the configuration. */
export function mappingsOf(status, hubs) {
  const topics = new Map(status.mappings.map((each) => [each.mapping, []]));
  for (const topic of status.topics) for (const number of topic.mappings) topics.get(number)?.push(topic);
  const byKey = new Map(hubs.map((each) => [each.key, each]));
  const all = status.mappings.map((mapping) => describe(mapping, topics.get(mapping.mapping), byKey));
  return all.sort((one, other) => other.state.weight - one.state.weight);
}

function describe(mapping, topics, hubs) {
  const names = topics.length ? topics.map((topic) => topic.topic) : [''];
  const said = mapping.hubs ?? [mapping.hub];
  const keys = new Set(names.flatMap((name) => said.map((hub) => hubKey(mapping.namespace, String(hub).replaceAll('{topic}', name)))));
  const its = [...keys].map((key) => hubs.get(key)).filter(Boolean);
  const parts = topics.flatMap((topic) => topic.partitions);
  const counts = {};
  const reasons = new Set();
  for (const part of parts) {
    const state = nameOf(part);
    counts[state] = (counts[state] ?? 0) + 1;
    if (state === 'held') reasons.add(reasonOf(part.reason));
  }
  const state = worst(mapping, counts, its);
  return { mapping, topics, state, why: why(parts, counts, reasons, its), arriving: topics.reduce((sum, topic) => sum + (topic.records_per_second ?? 0), 0) };
}

/** What somebody has paused waits as they want it: that is not held up. */
const nameOf = (part) => (part.state === 'held' && part.reason === 'paused' ? 'paused' : part.state);

function worst(mapping, counts, hubs) {
  const found = [STATES.good];
  if (!mapping.partitions) found[0] = STATES.unknown;
  else if (mapping.lag_seconds >= BEHIND) found.push(STATES.behind);
  if (mapping.paused) found.push(STATES.paused);
  for (const name of ['halted', 'held', 'paused', 'draining']) if (counts[name]) found.push(STATES[name]);
  for (const hub of hubs) if (hub.state.weight > 0) found.push(hub.state);
  return found.reduce((one, other) => (other.weight > one.weight ? other : one));
}

/** What stands in its way, in words: its own partitions, then its hubs. */
function why(parts, counts, reasons, hubs) {
  const words = [];
  if (counts.halted) words.push(`${several(counts.halted, 'partition')} halted`);
  if (counts.held) {
    const whole = parts.length === 1 ? 'its partition waits' : `all ${count(parts.length)} partitions wait`;
    const many = counts.held === parts.length ? whole : `${count(counts.held)} of ${count(parts.length)} partitions wait`;
    words.push(`${many}: ${[...reasons].filter(Boolean).join(', ') || 'held'}`);
  }
  if (counts.paused) words.push('not read until it is resumed');
  const sums = {};
  for (const hub of hubs) for (const [name, number] of Object.entries(hub.states)) sums[name] = (sums[name] ?? 0) + number;
  for (const [name, number] of Object.entries(sums)) {
    if (stateOf(name).weight > 0) words.push(`${several(number, 'hub partition')} ${stateOf(name).word}`);
  }
  return words.join(' · ');
}

export function paintMappings(all, status, matches) {
  keyed(at('rows'), all, (each) => each.mapping.mapping, createRow, (row, each) => updateRow(row, each, status));
  filterMappings(matches);
}

export function filterMappings(matches) {
  let shown = 0;
  for (const row of at('rows').children) {
    const hit = matches(row.words);
    show(row, hit);
    shown += hit;
  }
  const words = at('rows').children.length ? 'No mapping matches.' : 'No mapping is configured.';
  say(at('rows-none'), shown ? '' : words);
  return shown;
}

function createRow() {
  const row = make('div', 'row', { role: 'row' });
  const cell = (kind, ...children) => make('span', kind, { role: 'cell' }, ...children);
  const parts = {
    mark: chip(), word: make('span'), from: make('span', 'from'), to: make('span', 'to'), how: make('span', 'how'), why: cell('why'),
    lag: cell('n'), records: cell('n'), arriving: cell('n'), flight: cell('n'), partitions: cell('n'), details: make('div', 'details'),
  };
  const id = `partitions-${(opened += 1)}`;
  const toggle = make('button', 'open', { type: 'button', 'aria-expanded': 'false', 'aria-controls': id });
  toggle.append(parts.from, make('span', 'arrow', { 'aria-hidden': 'true' }, ' → '), make('span', 'spoken', {}, ' to '), parts.to);
  const details = make('div', 'opened', { role: 'cell', 'aria-colspan': '7', id }, parts.details);
  details.hidden = true;
  toggle.addEventListener('click', () => {
    details.hidden = !details.hidden;
    set(toggle, 'aria-expanded', String(!details.hidden));
    updateDetails(row);
  });
  for (const [name, label] of [['lag', 'behind'], ['records', 'records behind'], ['arriving', 'arriving'], ['flight', 'in flight'], ['partitions', 'partitions']]) {
    // Shown where the columns have no heads: on a phone.
    set(parts[name], 'data-label', label);
  }
  row.append(cell('state', parts.mark, parts.word), cell('names', toggle, parts.how),
    parts.lag, parts.records, parts.arriving, parts.flight, parts.partitions, parts.why, details);
  row.parts = { ...parts, more: details };
  return row;
}

function updateRow(row, each, status) {
  const { mapping, state } = each;
  const { parts } = row;
  row.each = each;
  row.now = status.bridge.now;
  const from = mapping.topics ? mapping.topics.join(', ') : mapping.topic_pattern;
  row.words = `${from} ${each.topics.map((topic) => topic.topic).join(' ')} ${mapping.hub} ${(mapping.hubs ?? []).join(' ')} ${mapping.namespace} ${state.word}`.toLowerCase();
  set(row, 'data-tone', state.weight > 0 ? state.tone : null);
  paint(parts.mark, state);
  say(parts.word, mapping.partitions ? state.word : 'no partition');
  say(parts.from, from);
  say(parts.to, mapping.hub);
  const about = [mapping.partitioning];
  if (!mapping.topics) about.push(several(each.topics.length, 'topic'));
  if (status.namespaces.length > 1) about.push(mapping.namespace);
  say(parts.how, about.join(' · '));
  say(parts.why, each.why);
  show(parts.why, each.why !== '');
  say(parts.lag, duration(mapping.lag_seconds));
  say(parts.records, count(mapping.lag_records));
  say(parts.arriving, `${rate(each.arriving)} /s`);
  say(parts.flight, count(mapping.in_flight_records));
  say(parts.partitions, mapping.partitions_held ? `${count(mapping.partitions_held)} of ${count(mapping.partitions)} held` : count(mapping.partitions));
  updateDetails(row);
}

/** The Kafka partitions of an open row: what is in the way of each; those that flow come after. */
function updateDetails(row) {
  const { more, details } = row.parts;
  if (more.hidden) return;
  const parts = row.each.topics.flatMap((topic) => topic.partitions.map((part) => ({ topic: topic.topic, ...part })));
  const shownAs = (part) => (part.state === 'flowing' ? (part.lag_seconds >= BEHIND ? STATES.behind : { ...STATES.good, word: 'flowing' }) : stateOf(nameOf(part)));
  const all = parts.map((part) => ({ part, state: shownAs(part) })).sort((one, other) => other.state.weight - one.state.weight);
  const left = Math.max(0, all.length - MOST);
  const items = [...all.slice(0, MOST), ...(left ? [{ left }] : [])];
  if (!items.length) items.push({ left: 0 });
  keyed(details, items, (item) => (item.part ? JSON.stringify([item.part.topic, item.part.partition]) : 'left'), createPart, (node, item) => updatePart(node, item, row.now));
}

function createPart(item) {
  if (!item.part) return make('p', 'quiet');
  const node = make('p', 'part');
  const [mark, name, word, figures] = [chip(), make('b'), make('span', 'word'), make('span', 'figures-of')];
  node.parts = { mark, name, word, figures };
  node.append(mark, name, word, figures);
  return node;
}

function updatePart(node, { part, state, left }, now) {
  if (!part) {
    say(node, left ? `${several(left, 'more partition')} not shown.` : 'No partition of it is assigned to this process.');
    return;
  }
  paint(node.parts.mark, state);
  say(node.parts.name, `${part.topic} / ${part.partition}`);
  const age = since(part.since, now);
  const words = [age == null || part.state === 'flowing' ? state.word : `${state.word} for ${duration(age)}`];
  const reason = part.detail ?? reasonOf(part.reason);
  if (reason) words.push(reason);
  say(node.parts.word, words.join(': '));
  const figures = [`position ${count(part.position)}`, `${count(part.lag_records)} behind`, duration(part.lag_seconds), `${count(part.in_flight_records)} in flight`, `shard ${part.shard}`];
  say(node.parts.figures, figures.join(' · '));
}
