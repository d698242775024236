// The first screen: is it well, how far behind, what comes and goes, when it will have caught up.

import { at, say, set, show } from './dom.js';
import { BEHIND, batchWords, bytes, count, duration, hinted, rate, several } from './words.js';

/** Strokes on a field of 24 by 24, so that the tone is not told by colour alone. */
const SIGNS = {
  good: 'M5.5 12.5l4.3 4.3 8.7-9',
  bad: 'M7 7l10 10M17 7L7 17',
  warn: 'M12 5v9M12 18.4v.2',
  limit: 'M8.5 6.5v11M15.5 6.5v11',
  calm: 'M12 5.5v12M6.5 12.5l5.5 5.5 5.5-5.5',
  late: 'M12 6v6.3l4.2 2.6',
  none: 'M6 12h.1M12 12h.1M18 12h.1',
};

/** How much of the past the small curves show, in seconds. */
const PAST = 600;
const history = [];

/** What the state is called: a tone, a sign, the line for the eye, the one below it, and what is spoken, without running figures. */
export function verdict(status) {
  const { summary, state } = status;
  const reasons = (status.reasons ?? []).join(' · ');
  if (state === 'starting') return of('calm', 'none', 'Starting', reasons || 'Connecting to Kafka and Event Hubs.');
  if (state === 'draining') {
    const left = `${several(summary.in_flight_records ?? 0, 'record')} in flight. Accepted records are committed before the process ends.`;
    return of('calm', 'calm', 'Draining', left);
  }
  return unready(status, reasons) ?? troubled(status) ?? flowing(summary);
}

function of(tone, sign, line, below, spoken = line) {
  return { tone, sign, line, below, spoken };
}

function unready(status, reasons) {
  const away = status.shards.filter((shard) => !shard.joined && shard.kafka != null);
  if (away.length && away.length === status.shards.length) {
    return of('bad', 'bad', 'Kafka is away', `No shard is a member of its group. ${hinted(away[0].kafka)[0]}`);
  }
  const down = status.namespaces.filter((each) => !each.connected && each.detail != null);
  if (down.length && down.length === status.namespaces.length) {
    return of('bad', 'bad', 'Event Hubs is away', `Nothing is lost: waiting records are not committed. ${hinted(down[0].detail)[0]}`);
  }
  if (status.ready) return null;
  return of('warn', 'warn', 'Not ready', reasons || 'The bridge cannot copy records yet.');
}

/** What is held, the worst first; `null` when nothing is. */
function troubled({ held: all, summary, topics, mappings }) {
  const still = new Set(topics.flatMap((topic) => topic.partitions.filter((part) => part.reason === 'paused').map((part) => `${topic.topic}/${part.partition}`)));
  const held = all.filter((entry) => entry.kind !== 'partition' || !still.has(`${entry.topic}/${entry.partition}`));
  const waiting = (summary.partitions_held ?? 0) - still.size;
  const late = behindWords(summary);
  const halted = topics.flatMap((topic) => topic.partitions.filter((part) => part.state === 'halted').map((part) => `${topic.topic} / ${part.partition}`));
  if (halted.length) {
    const line = halted.length === 1 ? `Halted: ${halted[0]}` : `Halted: ${count(halted.length)} of ${several(summary.partitions, 'partition')}`;
    return of('bad', 'bad', line, `A person must act before retention deletes its records. All other partitions continue. ${late}`);
  }
  const hubs = named(held, ['hub', 'token'], 'hub');
  const wait = waiting > 0 ? `${count(waiting)} of ${several(summary.partitions, 'partition')} wait; the others continue. ` : 'The others continue. ';
  if (hubs.length) return of('warn', 'warn', list('Held', 'hub', hubs), wait + late);
  const again = named(held, ['delivery'], 'hub');
  if (again.length) return of('warn', 'warn', list('Retrying', 'hub', again), wait + late);
  const missing = named(held, ['topic', 'dead_letters', 'place'], 'topic', 'dead_letter_topic');
  if (missing.length) return of('warn', 'warn', list('Held', 'topic', missing), wait + late);
  const limited = named(held, ['throttled'], 'namespace');
  if (limited.length) return of('limit', 'limit', list('Throttled', 'namespace', limited), wait + late);
  const paused = mappings.filter((mapping) => mapping.paused).map((mapping) => (mapping.topics ?? [mapping.topic_pattern]).join(', '));
  if (!held.length && paused.length) {
    return of('calm', 'limit', list('Paused', 'mapping', paused), `Records already read are delivered, and no more are read until the mapping is resumed. ${late}`);
  }
  if (!held.length) return null;
  return of('warn', 'warn', `Held: ${count(held.length)} of ${several(summary.partitions, 'partition')}`, wait + late, 'Held');
}

/** `Held: hub orders`; many are counted, and not named. */
function list(word, noun, names) {
  if (names.length > 2) return `${word}: ${count(names.length)} ${noun}s`;
  return `${word}: ${noun}${names.length === 2 ? 's' : ''} ${names.join(', ')}`;
}

/** The names that `held` has of these kinds, each once. */
function named(held, kinds, ...fields) {
  const names = held.filter((entry) => kinds.includes(entry.kind)).map((entry) => fields.map((field) => entry[field]).find((name) => name != null));
  return [...new Set(names.filter((name) => name != null))];
}

function flowing(summary) {
  if (!summary.partitions) return of('good', 'good', 'Ready', 'No partition is assigned to this process.');
  if (summary.lag_seconds == null) return of('calm', 'none', 'Running', 'The lag is not known yet.');
  if (summary.lag_seconds < BEHIND) return of('good', 'good', 'Keeping up', behindWords(summary));
  return of('calm', 'late', `Behind by ${duration(summary.lag_seconds)}`, `${several(summary.lag_records ?? 0, 'record')}. ${caughtUp(summary)}`, 'Behind');
}

function behindWords(summary) {
  if (summary.lag_seconds == null) return '';
  return `The oldest unsettled record is ${duration(summary.lag_seconds)} old.`;
}

function caughtUp(summary) {
  const left = summary.caught_up_in_seconds;
  return left == null ? 'At this rate it does not catch up.' : `At this rate it has caught up in ${duration(left)}.`;
}

export function paintHeadline({ tone, sign, line, below, spoken }) {
  set(document.body, 'data-tone', tone);
  set(at('sign-shape'), 'd', SIGNS[sign]);
  say(at('headline'), line);
  say(at('subline'), below);
  say(at('spoken'), spoken);
}

export function paintFigures({ summary, bridge }) {
  say(at('lag'), duration(summary.lag_seconds));
  say(at('lag-note'), summary.lag_records == null ? 'not known' : several(summary.lag_records, 'record'));
  say(at('in'), `${rate(summary.records_per_second)} /s`);
  say(at('in-note'), `${bytes(summary.record_bytes_per_second)}/s`);
  say(at('out'), `${rate(summary.events_per_second)} /s`);
  say(at('out-note'), `${bytes(summary.event_bytes_per_second)}/s`);
  const left = summary.caught_up_in_seconds;
  say(at('eta'), left === 0 ? 'yes' : left == null ? 'not yet' : `in ${duration(left)}`);
  say(at('eta-note'), left === 0 ? 'nothing waits' : left != null ? 'at this rate' : summary.lag_seconds == null ? 'not known' : 'not at this rate');
  say(at('batches'), `${rate(summary.batches_per_second)} /s`);
  say(at('batches-note'), batchWords(summary));
  curves(summary, Date.parse(bridge.now) / 1000);
}

/** What was seen since the page is open, and no longer than `PAST` ago. */
function curves(summary, now) {
  if (!Number.isFinite(now)) return;
  if (history.length && history.at(-1).now >= now) history.length = 0;
  history.push({ now, lag: summary.lag_seconds, in: summary.records_per_second, out: summary.events_per_second, batches: summary.batches_per_second });
  while (history[0].now < now - PAST) history.shift();
  const rates = Math.max(...history.map((point) => Math.max(point.in ?? 0, point.out ?? 0)), 1);
  curve('lag-spark', now, 'lag', Math.max(...history.map((point) => point.lag ?? 0), BEHIND));
  // One scale for both, so that they can be compared.
  curve('in-spark', now, 'in', rates);
  curve('out-spark', now, 'out', rates);
  curve('batches-spark', now, 'batches', Math.max(...history.map((point) => point.batches ?? 0), 1));
}

function curve(id, now, field, top) {
  const points = history.filter((point) => point[field] != null);
  const spots = points.map((point) => `${(300 - ((now - point.now) / PAST) * 300).toFixed(1)} ${(27 - (point[field] / top) * 26).toFixed(1)}`);
  set(at(id).firstElementChild, 'd', spots.length > 1 ? `M${spots.join('L')}` : '');
  show(at(id), spots.length > 1);
}
