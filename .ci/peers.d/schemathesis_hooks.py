"""Teaches Schemathesis the two rules of the bridge that a schema cannot express."""

import re
import uuid

import schemathesis

IGNORED_UNLESS = {
    "X-Request-Id": "[A-Za-z0-9._-]{1,128}",
    "traceparent": "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?",
}
KEY = "Idempotency-Key"
first_request = {}


@schemathesis.hook
def filter_case(context, case):
    """A header that is only for tracing is ignored, not refused, if it is invalid."""
    headers = case.headers or {}
    return all(re.fullmatch(form, str(headers[name])) for name, form in IGNORED_UNLESS.items() if name in headers)


@schemathesis.hook
def before_call(context, case, kwargs):
    """An Idempotency-Key belongs to one request: a key that was used with another request is replaced by a new one."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and key:
        request = repr((case.path_parameters, case.body))
        # "abc" in quotes and abc are the same key.
        if first_request.setdefault(key.strip('"'), request) != request:
            case.headers[KEY] = str(uuid.uuid4())
