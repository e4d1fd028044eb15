"""Teaches Schemathesis the one rule of the bridge that no schema can say: an Idempotency-Key belongs to one request.

Schemathesis sends the same key with many requests, and the bridge refuses that, as it promises
(`idempotency_key_reused`). So a key that came before with another request is replaced by a new one. The first request
with each key, and the very same request again, are sent as they were generated.
"""

import uuid

import schemathesis

HEADER = "Idempotency-Key"
first_request = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get(HEADER)
    if not isinstance(key, str) or not key:
        return
    request = repr((case.path_parameters, case.body))
    # "abc" in quotes and abc are the same key.
    if first_request.setdefault(key.strip('"'), request) != request:
        case.headers[HEADER] = str(uuid.uuid4())
