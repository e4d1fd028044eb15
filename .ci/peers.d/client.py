"""Makes pushes with the Python client that openapi-generator has generated.

Usage: client.py FOLDER_OF_THE_CLIENT BRIDGE TOKEN
"""

import sys

folder, bridge, token = sys.argv[1:]
sys.path.insert(0, folder)

from mediation_bridge import ApiClient, Configuration, DocumentsApi, MediationResult, MediationsApi  # noqa: E402
from mediation_bridge.exceptions import UnprocessableEntityException  # noqa: E402

client = ApiClient(Configuration(host=bridge, access_token=token))
result = MediationResult(result="success", completed_time="2025-11-16T16:00:00Z", mediator_name="张三")
accepted = MediationsApi(client).push_mediation_result("1290293148910", result, idempotency_key="python-1")
assert (accepted.outcome, accepted.completed_time) == ("accepted", "2025-11-17 00:00:00"), accepted
try:
    raise AssertionError(MediationsApi(client).push_mediation_result("sandbox-rejected", result))
except UnprocessableEntityException as refused:
    problem = refused.data
assert (problem.code, problem.outcome, problem.retryable) == ("top_rejected", "rejected", False), problem
assert (problem.actor, problem.top.sub_msg) == ("caller", "调解案件已结案"), problem
assert DocumentsApi(client).get_problem(problem.code).code == "top_rejected"
print("Python client: a push accepted, one rejected by TOP")
