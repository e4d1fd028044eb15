// Pushes for real with the TypeScript client that openapi-generator made; it is compiled together with it.
//
// Usage: node client.js BRIDGE TOKEN
import { Configuration, DocumentsApi, type MediationResult, MediationsApi, type Problem, ProblemFromJSON, ResponseError } from './typescript-fetch/index';

declare const process: { argv: string[]; exit(code: number): never };
const [basePath, accessToken] = process.argv.slice(2);
const mediationResult: MediationResult = { result: 'success', completedTime: '2025-11-16T16:00:00Z', mediatorName: '张三' };

function check(what: string, got: unknown, wanted: unknown): void {
    if (got !== wanted) throw new Error(`${what} is ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

async function refusal(push: Promise<unknown>): Promise<Problem> {
    try {
        await push;
    } catch (error) {
        if (error instanceof ResponseError) return ProblemFromJSON(await error.response.json());
        throw error;
    }
    throw new Error('a refused push threw nothing');
}

async function main(): Promise<void> {
    const configuration = new Configuration({ basePath, accessToken });
    const mediations = new MediationsApi(configuration);

    const accepted = await mediations.pushMediationResult({ caseId: '1290293148910', mediationResult, idempotencyKey: 'typescript-1' });
    check('outcome', accepted.outcome, 'accepted');
    check('completedTime', accepted.completedTime, '2025-11-17 00:00:00');

    const rejected = await refusal(mediations.pushMediationResult({ caseId: 'sandbox-rejected', mediationResult }));
    check('code', rejected.code, 'top_rejected');
    check('outcome', rejected.outcome, 'rejected');
    check('subMsg', rejected.top?.subMsg, '调解案件已结案');

    const explanation = await new DocumentsApi(configuration).getProblem({ code: 'top_rejected' });
    check('explanation', explanation.code, 'top_rejected');

    const stranger = new MediationsApi(new Configuration({ basePath, accessToken: 'no such token at all' }));
    const unknown = await refusal(stranger.pushMediationResult({ caseId: '1290293148910', mediationResult }));
    check('code', unknown.code, 'unauthenticated');

    console.log('TypeScript client: a push accepted, one rejected by TOP, one without a known token refused');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
