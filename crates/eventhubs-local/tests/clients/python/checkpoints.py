"""A checkpoint store in memory, for processors that come one after the other in one process."""

import threading
import time
import uuid

from azure.eventhub import CheckpointStore

SCOPE = ("fully_qualified_namespace", "eventhub_name", "consumer_group")


class MemoryCheckpointStore(CheckpointStore):
    def __init__(self):
        self.lock = threading.Lock()
        self.ownerships, self.checkpoints = {}, {}

    def list_ownership(self, fully_qualified_namespace, eventhub_name, consumer_group, **kwargs):
        return self.within(self.ownerships, (fully_qualified_namespace, eventhub_name, consumer_group))

    def list_checkpoints(self, fully_qualified_namespace, eventhub_name, consumer_group, **kwargs):
        return self.within(self.checkpoints, (fully_qualified_namespace, eventhub_name, consumer_group))

    def within(self, entries, scope):
        with self.lock:
            return [dict(entry) for key, entry in entries.items() if key[:3] == scope]

    def claim_ownership(self, ownership_list, **kwargs):
        claimed = []
        with self.lock:
            for wanted in ownership_list:
                key = self.key(wanted)
                held = self.ownerships.get(key)
                if held and held["etag"] != wanted.get("etag"):
                    continue
                self.ownerships[key] = dict(wanted, etag=str(uuid.uuid4()), last_modified_time=time.time())
                claimed.append(dict(self.ownerships[key]))
        return claimed

    def update_checkpoint(self, checkpoint, **kwargs):
        with self.lock:
            self.checkpoints[self.key(checkpoint)] = dict(checkpoint)

    @staticmethod
    def key(entry):
        return tuple(entry[name] for name in (*SCOPE, "partition_id"))
