// The process itself: its memory against its budget, its connections and tokens, and how each shard stands with Kafka.

import { at, chip, keyed, make, paint, say, set, show } from './dom.js';
import { STATES, bytes, count, duration, hinted, mebibytes, several } from './words.js';

/** A token that lives no longer than this has not been renewed in time: it is renewed well before. */
const SHORT = 60;

export function paintIdentity({ bridge }) {
  say(at('group'), bridge.group);
  const up = (Date.parse(bridge.now) - Date.parse(bridge.started)) / 1000;
  say(at('identity'), [bridge.host, bridge.version, `up for ${duration(up)}`].filter(Boolean).join(' · '));
}

export function paintProcess(status) {
  paintMemory(status.memory);
  keyed(at('namespaces'), status.namespaces, (each) => each.namespace, createPeer, (node, each) => updateNamespace(node, each, status.bridge.now));
  keyed(at('shards'), status.shards, (each) => each.shard, createPeer, updateShard);
}

function paintMemory({ events_bytes: events, prefetched_bytes: prefetched, limit_bytes: limit }) {
  const part = (size) => (limit > 0 ? Math.min(100, (100 * (size ?? 0)) / limit) : 0);
  at('memory-events').style.width = `${part(events).toFixed(1)}%`;
  at('memory-prefetched').style.width = `${Math.min(part(prefetched), 100 - part(events)).toFixed(1)}%`;
  const used = (events ?? 0) + (prefetched ?? 0);
  say(at('memory'), `${mebibytes(used)} of ${mebibytes(limit)} (${count(part(used))} %): ${mebibytes(events)} in batches, ${mebibytes(prefetched)} fetched ahead`);
}

function createPeer() {
  const node = make('li');
  const [mark, name, word, detail] = [chip(), make('b'), make('span', 'word'), make('span', 'detail')];
  node.parts = { mark, name, word, detail };
  node.append(mark, name, word, detail);
  return node;
}

function tell(node, state, name, word, detail) {
  paint(node.parts.mark, state);
  say(node.parts.name, name);
  say(node.parts.word, word);
  say(node.parts.detail, detail);
  show(node.parts.detail, detail !== '');
}

function updateNamespace(node, each, now) {
  const [state, word] = standing(each);
  const facts = [each.host];
  if (each.detail) facts.push(hinted(each.detail)[0]);
  if (each.connections) facts.push(`${several(each.connections, 'connection')}, ${several(each.links ?? 0, 'link')}`);
  const life = each.token_expires == null ? null : (Date.parse(each.token_expires) - Date.parse(now)) / 1000;
  if (life != null) facts.push(life > 0 ? `token expires in ${duration(life)}` : `token expired ${duration(-life)} ago`);
  if (each.throttled) facts.push(`accepts ${bytes(each.throttled.bytes_per_second)}/s, ${several(each.throttled.waiting ?? 0, 'hub partition')} in turn`);
  set(node, 'data-tone', life != null && life <= SHORT ? 'warn' : null);
  tell(node, state, each.namespace, word, facts.join(' · '));
}

function standing(each) {
  if (!each.connected) return each.detail == null ? [STATES.unused, 'not needed yet'] : [STATES.away, 'not connected'];
  return each.throttled ? [STATES.throttled, 'throttled'] : [STATES.good, 'connected'];
}

function updateShard(node, each) {
  const [state, word] = membership(each);
  tell(node, state, `shard ${each.shard}`, word, hinted(each.kafka)[0]);
}

function membership(each) {
  if (!each.answers) return [STATES.away, 'does not answer'];
  if (each.joined) return [STATES.good, 'member of its group'];
  return each.kafka == null ? [STATES.unknown, 'joins its group'] : [STATES.away, 'not a member'];
}
