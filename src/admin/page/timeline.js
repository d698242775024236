// The time line: what changed, the newest first, and the last hour as marks.

import { at, keyed, make, say, set, show } from './dom.js';
import { clock, several } from './words.js';

/** Kept here, and of these shown. */
const KEPT = 1000;
const SHOWN = 150;
const HOUR = 3600;
const LEVELS = { error: ['E', 'bad', 'error'], warn: ['W', 'warn', 'warning'], info: ['', 'none', 'note'] };

let events = [];
let next = null;
let lost = 0;
let began = null;

/** What to ask for: all that is kept, or what came after the last answer. A process that was started anew counts anew. */
export function asking(started) {
  if (began !== started) [events, next, lost, began] = [[], null, 0, started];
  return next == null ? 'events' : `events?since=${encodeURIComponent(next)}`;
}

export function hear(answer) {
  const known = new Set(events.map((event) => event.id));
  events = [...events, ...answer.events.filter((event) => !known.has(event.id))].slice(-KEPT);
  next = answer.next;
  lost += answer.lost ?? 0;
}

export function paintTimeline(now, trouble) {
  const shown = events.slice(-SHOWN).reverse();
  keyed(at('timeline'), shown, (event) => event.id, create, () => {});
  const words = [];
  if (trouble) words.push(`The time line cannot be read: ${trouble}`);
  else if (!shown.length) words.push('Nothing has changed yet.');
  if (lost) words.push(`${several(lost, 'earlier change is', 'earlier changes are')} not kept.`);
  say(at('timeline-none'), words.join(' '));
  show(at('timeline-none'), words.length > 0);
  show(at('timeline'), shown.length > 0);
  ticks(now);
}

const levelOf = (event) => (Object.hasOwn(LEVELS, event.level) ? LEVELS[event.level] : LEVELS.info);

function create(event) {
  const [letter, tone, level] = levelOf(event);
  const node = make('li', '', { 'data-tone': tone });
  const fields = Object.entries(event.fields ?? {}).map(([name, value]) => (name === 'detail' ? String(value) : `${name} ${value}`)).join(' · ');
  node.append(
    make('time', '', { datetime: String(event.time) }, clock(event.time)),
    make('i', 'chip', { 'data-tone': tone, 'aria-hidden': 'true' }, letter),
    make('span', 'what', {}, make('span', 'spoken', {}, `${level}: `), String(event.message), make('span', 'fields', {}, fields)),
  );
  return node;
}

/** A mark for each change of the last hour: the worse, the taller. */
function ticks(now) {
  const end = Date.parse(now) / 1000;
  const recent = events.map((event) => ({ event, ago: end - Date.parse(event.time) / 1000 })).filter(({ ago }) => ago >= 0 && ago <= HOUR);
  const sums = { error: 0, warn: 0, info: 0 };
  for (const { event } of recent) sums[Object.hasOwn(sums, event.level) ? event.level : 'info'] += 1;
  const words = [several(sums.error, 'error'), several(sums.warn, 'warning'), several(sums.info, 'note')];
  set(at('ticks'), 'aria-label', `The last hour: ${words.join(', ')}`);
  keyed(at('ticks').firstElementChild, recent, ({ event }) => event.id, tick, (node, { ago }) => set(node, 'x', `${(99.2 * (1 - ago / HOUR)).toFixed(1)}%`));
}

function tick({ event }) {
  const [, tone] = levelOf(event);
  const height = { bad: 26, warn: 18, none: 9 }[tone];
  const node = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [name, value] of [['width', 3], ['height', height], ['y', 28 - height], ['data-tone', tone]]) node.setAttribute(name, value);
  return node;
}

