// How things are said: figures, durations, and the states of the bridge with what they are called, their letter and their weight.
// What is said here is made of numbers and fixed words; whatever another party wrote goes in as text, by `dom.js`.

/** Seconds for which a record may wait before it is called behind: less is batching, and a fetch. */
export const BEHIND = 10;

/** What a state is called, its letter, its tone (a colour of page.css), and how bad it is. */
export const STATES = {
  halted: { word: 'halted', letter: 'X', tone: 'bad', weight: 8 },
  away: { word: 'away', letter: 'A', tone: 'bad', weight: 7 },
  retrying: { word: 'retrying', letter: 'R', tone: 'bad', weight: 6 },
  waiting: { word: 'waiting', letter: 'W', tone: 'warn', weight: 5 },
  held: { word: 'held', letter: 'H', tone: 'warn', weight: 4 },
  throttled: { word: 'throttled', letter: 'T', tone: 'limit', weight: 3 },
  paused: { word: 'paused', letter: 'P', tone: 'calm', weight: 2 },
  draining: { word: 'draining', letter: 'D', tone: 'calm', weight: 2 },
  behind: { word: 'behind', letter: 'B', tone: 'calm', weight: 1 },
  good: { word: 'keeping up', letter: '', tone: 'good', weight: 0 },
  sending: { word: 'sending', letter: '', tone: 'good', weight: 0 },
  unused: { word: 'not used', letter: '', tone: 'none', weight: -1 },
  unknown: { word: 'unknown', letter: '?', tone: 'none', weight: -1 },
};

/** The state of this name; one that is not known yet to this page is said as it came, and shown as unknown. */
export function stateOf(name) {
  return Object.hasOwn(STATES, name) ? STATES[name] : { ...STATES.unknown, word: String(name) };
}

/** What a Kafka partition waits for, by the `reason` of `bridge_partition_held`. */
const REASONS = {
  // Its state says it.
  halted: '',
  hub_unavailable: 'its hub accepts no events',
  hub_slow: 'its hub accepts events too slowly',
  no_partition: 'its hub has no partition for it',
  in_flight: 'too many records wait for one acknowledgement',
  schema: 'it waits for a schema',
  claim_check: 'it waits for a blob to be written',
  dead_letters: 'its dead letters cannot be written',
  paused: 'its mapping is paused',
  reload: 'its mappings have changed',
  lookup: 'the bridge looks for events that were sent before',
};

export function reasonOf(name) {
  if (name == null) return '';
  return Object.hasOwn(REASONS, name) ? REASONS[name] : String(name);
}

const numbers = {};
for (const digits of [0, 1, 2]) {
  numbers[digits] = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `12 345`, with thin spaces, as the project writes it. */
export function count(value, digits = 0) {
  if (value == null || !Number.isFinite(value)) return '–';
  return numbers[digits].format(value).replaceAll(',', '\u202f');
}

/** A rate: whole numbers where they are large, one digit where they are small. */
export function rate(value) {
  if (value == null) return '–';
  return count(value, value > 0 && value < 10 ? 1 : 0);
}

/** `1.2 MB`: decimal, as throughput units are. */
export function bytes(value) {
  if (value == null) return '–';
  if (value < 1e3) return `${count(value)} B`;
  if (value < 1e6) return `${count(value / 1e3)} kB`;
  return value < 1e9 ? `${count(value / 1e6, 1)} MB` : `${count(value / 1e9, 1)} GB`;
}

/** `12.3 MiB`: binary, as `limits.memory` is. */
export function mebibytes(value) {
  if (value == null) return '–';
  const size = value / (1024 * 1024);
  return `${count(size, size > 0 && size < 100 ? 1 : 0)} MiB`;
}

/** `34 ms`, `0.4 s`, `12 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return '–';
  if (seconds <= 0) return '0 s';
  if (seconds < 0.1) return `${count(Math.max(1, seconds * 1000))} ms`;
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${count(seconds, 1)} s`;
  const whole = Math.round(seconds);
  const pair = (large, unit, small, rest) => (small ? `${count(large)} ${unit} ${small} ${rest}` : `${count(large)} ${unit}`);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86400) return pair(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return pair(Math.floor(whole / 86400), 'd', Math.floor((whole % 86400) / 3600), 'h');
}

/** `one partition`, `3 partitions`. */
export function several(number, noun, many = `${noun}s`) {
  return number === 1 ? `1 ${noun}` : `${count(number)} ${many}`;
}

/** The seconds from `time` to `now`, both as the bridge writes them; `null` where either is none. */
export function since(time, now) {
  const from = Date.parse(time);
  const until = Date.parse(now);
  return Number.isNaN(from) || Number.isNaN(until) ? null : Math.max(0, (until - from) / 1000);
}

/** `21:09:04`, of a time in UTC. */
export function clock(time) {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? '–' : at.toISOString().slice(11, 19);
}

/** Splits `what happened; hint: what to do`. */
export function hinted(detail) {
  const text = detail == null ? '' : String(detail);
  const at = text.indexOf('; hint: ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + '; hint: '.length)];
}

/** `0–3, 7, 9`: numbers in order, and neighbours as a range. */
export function ranges(list) {
  const sorted = [...list].sort((one, other) => one - other);
  const runs = [];
  for (const number of sorted) {
    const last = runs.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`)).join(', ');
}

/** How full batches are, and how long one takes; of the whole, or of a hub. */
export function batchWords({ events_per_batch: events, send_seconds: seconds }) {
  const words = [];
  if (events != null) words.push(`${rate(events)} events each`);
  if (seconds != null) words.push(`accepted in ${duration(seconds)}`);
  return words.join(', ');
}
