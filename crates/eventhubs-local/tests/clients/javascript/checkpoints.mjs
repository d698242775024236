// A checkpoint store in memory, for processors that come one after the other in one process.

const within = (entries, namespace, hub, group) =>
  [...entries.values()].filter(
    (it) => it.fullyQualifiedNamespace === namespace && it.eventHubName === hub && it.consumerGroup === group,
  );

const key = (entry) =>
  [entry.fullyQualifiedNamespace, entry.eventHubName, entry.consumerGroup, entry.partitionId].join("/");

export class MemoryCheckpointStore {
  #ownerships = new Map();
  #checkpoints = new Map();
  #claims = 0;

  async listOwnership(namespace, hub, group) {
    return within(this.#ownerships, namespace, hub, group);
  }

  async listCheckpoints(namespace, hub, group) {
    return within(this.#checkpoints, namespace, hub, group);
  }

  async claimOwnership(wanted) {
    const free = wanted.filter((it) => {
      const held = this.#ownerships.get(key(it));
      return !held || held.etag === it.etag;
    });
    return free.map((it) => {
      const claimed = { ...it, etag: `${++this.#claims}`, lastModifiedTimeInMs: Date.now() };
      this.#ownerships.set(key(it), claimed);
      return claimed;
    });
  }

  async updateCheckpoint(checkpoint) {
    this.#checkpoints.set(key(checkpoint), { ...checkpoint });
  }
}
