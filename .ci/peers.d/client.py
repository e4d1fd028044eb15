"""Pushes for real with the Python client that openapi-generator made.

Usage: client.py FOLDER_OF_THE_CLIENT BRIDGE TOKEN
"""

import sys

folder, bridge, token = sys.argv[1:]
sys.path.insert(0, folder)

from mediation_bridge import ApiClient, Configuration, MediationResult, MediationsApi, DocumentsApi  # noqa: E402
from mediation_bridge.exceptions import UnauthorizedException, UnprocessableEntityException  # noqa: E402

with ApiClient(Configuration(host=bridge, access_token=token)) as client:
    mediations = MediationsApi(client)
    result = MediationResult(result="success", completed_time="2025-11-16T16:00:00Z", mediator_name="张三")

    accepted = mediations.push_mediation_result("1290293148910", result, idempotency_key="python-1")
    assert accepted.outcome == "accepted", accepted
    assert accepted.completed_time == "2025-11-17 00:00:00", accepted
    assert accepted.top.request_id, accepted

    try:
        mediations.push_mediation_result("sandbox-rejected", result)
        raise AssertionError("a refused push raised nothing")
    except UnprocessableEntityException as refused:
        problem = refused.data
        assert (problem.code, problem.outcome, problem.retryable) == ("top_rejected", "rejected", False), problem
        assert problem.top.sub_msg == "调解案件已结案", problem

    explanation = DocumentsApi(client).get_problem(problem.code)
    assert explanation.code == "top_rejected", explanation

with ApiClient(Configuration(host=bridge, access_token="no such token at all")) as client:
    try:
        MediationsApi(client).push_mediation_result("1290293148910", result)
        raise AssertionError("a stranger's push raised nothing")
    except UnauthorizedException as refused:
        assert refused.data.code == "unauthenticated", refused.data

print("Python client: a push accepted, one rejected by TOP, one without a known token refused")
