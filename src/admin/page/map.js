// The heat map: a row for each hub, a cell for each of its partitions. Colour and letter say what holds it up. It is a grid with one
// tab stop: arrow keys walk, and what is known of the cell is said below. A cell is touched only when its state changes.

import { at, chip, keyed, make, paint, say, set, show } from './dom.js';
import { STATES, batchWords, count, duration, rate, several, since, stateOf } from './words.js';

/** Above so many partitions the cells are small. */
const DENSE = 600;
const map = at('map');
const readout = at('readout');
let now = null;
/** The cell that the keyboard is on, and the one that is explained: that of the pointer, or of the keyboard. */
let stop = null;
let told = null;

export function hubKey(namespace, hub) {
  return JSON.stringify([namespace, hub]);
}

/** The worst state of a hub, and how many of its partitions are in each. */
export function sumUp(hub, away) {
  const states = {};
  for (const part of hub.partitions) states[part.state] = (states[part.state] ?? 0) + 1;
  const worst = Object.keys(states).map(stateOf).reduce((one, other) => (other.weight > one.weight ? other : one), STATES.unused);
  return { states, state: away ? STATES.away : worst };
}

/** One entry for each partition of a hub: where several shards send to it, the worst. */
function merged(hub) {
  const parts = new Map();
  for (const part of hub.partitions) {
    const other = parts.get(part.partition);
    if (!other || stateOf(part.state).weight > stateOf(other.state).weight) parts.set(part.partition, part);
  }
  return parts.size === hub.partitions.length ? hub : { ...hub, partitions: [...parts.values()] };
}

/** All hubs with their sums, the troubled ones first. */
export function hubsOf(status) {
  const away = new Set(status.held.filter((entry) => entry.kind === 'hub').map((entry) => hubKey(entry.namespace, entry.hub)));
  const all = status.hubs.map(merged).map((hub) => {
    const key = hubKey(hub.namespace, hub.hub);
    return { key, hub, ...sumUp(hub, away.has(key)) };
  });
  return all.sort((one, other) => other.state.weight - one.state.weight);
}

export function paintMap(status, hubs, matches) {
  now = status.bridge.now;
  const mixed = new Set(hubs.map(({ hub }) => hub.namespace)).size > 1;
  const partitions = hubs.reduce((sum, { hub }) => sum + idsOf(hub).length, 0);
  set(map, 'data-dense', partitions > DENSE ? '' : null);
  keyed(map, hubs, (each) => each.key, createRow, (row, each) => updateRow(row, each, mixed));
  filterMap(matches);
  totals(hubs, partitions);
  if (!stop?.isConnected || stop.closest('[hidden]')) moveStop(map.querySelector('.hub:not([hidden]) .cell'));
  if (told && !told.isConnected) told = null;
  explain();
}

export function filterMap(matches) {
  let shown = 0;
  for (const row of map.children) {
    const hit = matches(row.words);
    show(row, hit);
    shown += hit;
  }
  return shown;
}

function totals(hubs, partitions) {
  const sums = {};
  for (const { states } of hubs) for (const [state, number] of Object.entries(states)) sums[state] = (sums[state] ?? 0) + number;
  const trouble = Object.keys(sums).filter((state) => stateOf(state).weight > 0).sort((one, other) => stateOf(other).weight - stateOf(one).weight);
  const words = [several(hubs.length, 'hub'), several(partitions, 'partition'), ...trouble.map((state) => `${count(sums[state])} ${stateOf(state).word}`)];
  say(at('map-sum'), hubs.length ? words.join(' · ') : 'Nothing was sent yet.');
  for (const part of ['map', 'legend', 'readout-line']) show(at(part), hubs.length > 0);
  show(at('map-keys'), !told);
}

/** The partitions a hub is known to have, and those that were sent to. */
function idsOf(hub) {
  const sent = hub.partitions.map((part) => part.partition);
  const known = Array.from({ length: Math.min(hub.known_partitions ?? 0, 4096) }, (_, n) => String(n));
  const beyond = sent.filter((id) => !(Number(id) < known.length));
  // `gateway` means that the service chooses, so the hub's own partitions say nothing.
  return beyond.includes('gateway') && sent.length === 1 ? beyond : [...known, ...beyond];
}

function createRow() {
  const row = make('div', 'hub', { role: 'row' });
  const [mark, name, cells, note, figure] =
    [chip(), make('span'), make('span', 'cells', { role: 'presentation' }), make('span', 'note', { role: 'gridcell' }), make('span', 'n', { role: 'gridcell' })];
  const batches = make('span', 'batches', { role: 'gridcell' });
  row.append(make('span', 'of', { role: 'rowheader' }, mark, name), cells, note, batches, figure);
  row.parts = { mark, name, cells, note, batches, figure };
  row.ids = [];
  row.states = [];
  return row;
}

function updateRow(row, { hub, states, state }, withNamespace) {
  const { mark, name, cells, note, batches, figure } = row.parts;
  row.hub = hub;
  row.words = `${hub.hub} ${hub.namespace} ${state.word}`.toLowerCase();
  paint(mark, state);
  const title = withNamespace ? `${hub.hub} (${hub.namespace})` : hub.hub;
  say(name, title);
  set(name, 'title', title);
  const trouble = Object.entries(states).filter(([each]) => stateOf(each).weight > 0);
  const words = trouble.map(([each, number]) => (number === hub.partitions.length ? `all ${stateOf(each).word}` : `${count(number)} ${stateOf(each).word}`));
  say(note, words.join(', ') || (hub.known_partitions == null ? 'not answered yet' : state.word));
  say(batches, batchWords(hub));
  say(figure, `${rate(hub.events_per_second)} /s`);
  updateCells(row, cells, hub);
}

function updateCells(row, cells, hub) {
  const ids = idsOf(hub);
  if (ids.length !== row.ids.length || ids.some((id, n) => id !== row.ids[n])) {
    row.ids = ids;
    row.states = [];
    cells.replaceChildren(...ids.map(() => make('i', 'cell', { role: 'gridcell', tabindex: '-1' })));
  }
  const sent = new Map(hub.partitions.map((part) => [part.partition, part.state]));
  ids.forEach((id, n) => {
    const name = sent.get(id) ?? 'unused';
    if (row.states[n] === name) return;
    row.states[n] = name;
    const state = stateOf(name);
    paint(cells.children[n], state);
    set(cells.children[n], 'aria-label', `partition ${id}: ${state.word}`);
  });
}

/** What is known of the cell that is looked at. */
function explain() {
  if (!told) return;
  const row = told.closest('.hub');
  const id = row.ids[[...row.parts.cells.children].indexOf(told)];
  const part = row.hub.partitions.find((each) => each.partition === id);
  const state = stateOf(part?.state ?? 'unused');
  const words = [state.word];
  const age = since(part?.since, now);
  if (age != null) words[0] += ` for ${duration(age)}`;
  if (part?.attempts) words.push(part.attempts === 1 ? '1 try' : `${count(part.attempts)} tries`);
  if (part?.next_try_seconds != null) words.push(`the next in ${duration(part.next_try_seconds)}`);
  if (part?.shard != null) words.push(`shard ${part.shard}`);
  say(readout, `${row.hub.hub} / ${id}: ${words.join(', ')}${part?.detail ? `. ${part.detail}` : ''}`);
}

function tell(cell) {
  if (told === cell) return;
  told?.classList.remove('told');
  told = cell;
  told?.classList.add('told');
  show(at('map-keys'), !told);
  if (told) explain();
  else say(readout, '');
}

function moveStop(cell) {
  if (stop) set(stop, 'tabindex', '-1');
  stop = cell;
  if (stop) set(stop, 'tabindex', '0');
}

/** Where a key leads from `cell`; `undefined` when it is none of ours. */
function target(event, cell) {
  const row = cell.closest('.hub');
  const cells = [...row.parts.cells.children];
  const index = cells.indexOf(cell);
  const along = (to) => cells[Math.max(0, Math.min(cells.length - 1, to))];
  const across = (by) => {
    const rows = [...map.children].filter((each) => !each.hidden && each.ids.length);
    const there = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + by))];
    return there.parts.cells.children[Math.min(index, there.ids.length - 1)];
  };
  const far = event.ctrlKey ? map.children.length : 0;
  const moves = {
    ArrowLeft: () => along(index - 1), ArrowRight: () => along(index + 1), ArrowUp: () => across(-1), ArrowDown: () => across(1),
    PageUp: () => across(-10), PageDown: () => across(10),
    Home: () => (far ? across(-far) : along(0)), End: () => (far ? across(far) : along(cells.length - 1)),
  };
  return Object.hasOwn(moves, event.key) ? moves[event.key]() : undefined;
}

map.addEventListener('keydown', (event) => {
  const cell = event.target.closest('.cell');
  const to = cell && target(event, cell);
  if (!to) return;
  event.preventDefault();
  moveStop(to);
  to.focus();
});
map.addEventListener('focusin', (event) => {
  const cell = event.target.closest('.cell');
  if (cell) {
    moveStop(cell);
    tell(cell);
  }
});
map.addEventListener('focusout', () => tell(null));
map.addEventListener('pointerover', (event) => {
  const cell = event.target.closest('.cell');
  if (cell) tell(cell);
});
map.addEventListener('pointerleave', () => tell(map.contains(document.activeElement) ? stop : null));

export function paintLegend() {
  const keys = ['sending', 'unused', 'throttled', 'waiting', 'retrying', 'away'];
  const words = { throttled: 'throttled, takes turns', waiting: 'waiting for an answer', retrying: 'retrying', away: 'away: not reached or refused' };
  at('legend').replaceChildren(...keys.map((key) => {
    const mark = chip();
    paint(mark, STATES[key]);
    return make('li', '', {}, mark, words[key] ?? STATES[key].word);
  }));
}
