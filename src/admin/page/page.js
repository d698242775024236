// The status page of one process: asks `status` every two seconds and `events` every five, one request at a time, and shows what they
// say. It only reads. Paths are relative, so that it works below any prefix of a proxy.

import { at, say, set, show } from './page/dom.js';
import { paintFigures, paintHeadline, verdict } from './page/headline.js';
import { paintHeld } from './page/held.js';
import { filterMap, hubsOf, paintLegend, paintMap } from './page/map.js';
import { filterMappings, mappingsOf, paintMappings } from './page/mappings.js';
import { paintIdentity, paintProcess } from './page/process.js';
import { asking, hear, paintTimeline } from './page/timeline.js';
import { clock, count, duration } from './page/words.js';

/** Milliseconds between two questions: as a rule, at most while it fails, and while nobody looks. */
const EVERY = 2000;
const SLOWEST = 15000;
const HIDDEN = 30000;
/** For the time line, and for an answer. */
const EVENTS_EVERY = 5000;
const PATIENCE = 8000;
/** Part of its time that one page may keep the process and the browser busy: a quarter. */
const SHARE = 4;
/** An answer that is late by this is said. */
const LATE = 5000;

let timer = null;
let asked = null;
let heardAt = performance.now();
let eventsAt = -Infinity;
let eventsTrouble = '';
let failures = 0;
let trouble = '';
let status = null;

async function ask(path) {
  const limit = new AbortController();
  const over = setTimeout(() => limit.abort(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE);
  try {
    const answer = await fetch(path, { signal: limit.signal, cache: 'no-store', headers: { accept: 'application/json' } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return await answer.json();
  } finally {
    clearTimeout(over);
  }
}

async function turn() {
  timer = null;
  asked = performance.now();
  try {
    const answer = await ask('status');
    if (answer.version !== 1) throw new Error('it has another version than this page; reload the page');
    status = answer;
    heardAt = performance.now();
    await askEvents();
    failures = 0;
    paint();
  } catch (error) {
    failures += 1;
    trouble = error instanceof TypeError && status === null ? 'no connection' : String(error.message ?? error);
  }
  const took = performance.now() - asked;
  asked = null;
  pulse();
  timer = setTimeout(turn, wait(took));
}

function wait(took) {
  if (document.hidden) return HIDDEN;
  if (failures) return Math.min(EVERY * 2 ** (failures - 1), SLOWEST);
  return Math.max(EVERY, took * SHARE);
}

/** A time line that cannot be read takes nothing else with it. */
async function askEvents() {
  if (performance.now() - eventsAt < EVENTS_EVERY) return;
  eventsAt = performance.now();
  try {
    hear(await ask(asking(status.bridge.started)));
    eventsTrouble = '';
  } catch (error) {
    eventsTrouble = String(error.message ?? error);
  }
}

function paint() {
  const hubs = hubsOf(status);
  document.body.classList.remove('loading');
  paintIdentity(status);
  paintHeadline(verdict(status));
  paintFigures(status);
  paintHeld(status);
  paintMap(status, hubs, matches);
  paintMappings(mappingsOf(status, hubs), status, matches);
  paintProcess(status);
  paintTimeline(status.bridge.now, eventsTrouble);
  title();
}

function title() {
  document.title = `${at('headline').textContent} · ${status ? status.bridge.group : 'Kafka to Event Hubs'}`;
}

/** Once a second: whether there are answers. When there are none, it says so plainly, and the figures are grey. */
function pulse() {
  const silent = performance.now() - heardAt;
  const pending = asked !== null && performance.now() - asked > LATE;
  const mute = failures > 0 || pending;
  document.body.classList.toggle('stale', mute);
  if (!mute) {
    say(at('answered'), status ? `${clock(status.bridge.now)} UTC` : 'asking');
    return;
  }
  const from = status ? `The figures below are those of ${clock(status.bridge.now)} UTC. ` : '';
  const reason = failures ? `The bridge, or the connection to it, is down: ${trouble}. ` : '';
  const line = `No answer for ${duration(Math.round(silent / 1000))}`;
  paintHeadline({ tone: 'none', sign: 'none', line, below: `${reason}${from}The page keeps asking.`, spoken: 'No answer from the bridge' });
  say(at('answered'), 'no answer');
  title();
}

function now() {
  if (asked !== null) return;
  clearTimeout(timer);
  turn();
}

let wanted = '';
const matches = (words) => !wanted || words.includes(wanted);

function filter() {
  wanted = at('filter').value.trim().toLowerCase();
  const mappings = filterMappings(matches);
  const hubs = filterMap(matches);
  say(at('filter-note'), wanted ? `${count(mappings)} of ${count(at('rows').children.length)} mappings, ${count(hubs)} of ${count(at('map').children.length)} hubs` : '');
}

const THEMES = ['auto', 'light', 'dark'];

/** Remembered for this tab, where the browser lets us. */
function remembered(value) {
  try {
    if (value) sessionStorage.setItem('theme', value);
    return sessionStorage.getItem('theme');
  } catch {
    return value;
  }
}

function theme(name) {
  const chosen = THEMES.includes(name) ? name : 'auto';
  set(document.documentElement, 'data-theme', chosen === 'auto' ? null : chosen);
  say(at('theme'), `Theme: ${chosen}`);
  return chosen;
}

let chosen = theme(remembered());
at('theme').addEventListener('click', () => {
  chosen = theme(THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]);
  remembered(chosen);
});
at('filter').addEventListener('input', filter);
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !event.ctrlKey && !event.metaKey && document.activeElement !== at('filter')) {
    event.preventDefault();
    at('filter').focus();
  } else if (event.key === 'Escape' && document.activeElement === at('filter')) {
    at('filter').value = '';
    filter();
  }
});
document.addEventListener('visibilitychange', () => document.hidden || now());
window.addEventListener('online', now);
show(at('timeline-none'), false);
paintLegend();
setInterval(pulse, 1000);
turn();
