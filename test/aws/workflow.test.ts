/** The Workflow port over Step Functions: started once, woken by a token, never hurt by a spent one. */
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeEach, expect, it } from 'vitest';
import type { RequestId } from '../../core/brand.ts';
import type { Workflow } from '../../functions/approvals/deps.ts';
import { makeSfnWorkflow } from '../../functions/approvals/sfn_workflow.ts';
import { workflowDefinition } from '../../functions/approvals/workflow.ts';
import type { StepResult } from '../../functions/approvals/workflow_steps.ts';
import { nextRequestId } from '../support/approval_requests.ts';
import { answerFunctionsWith, describeAdapter, fresh, isMoto, prepareMoto } from './endpoint.ts';

/** The waiting state of functions/approvals/workflow.ts alone: no function has to answer. */
const WAITS = {
  StartAt: 'Wait',
  States: {
    Wait: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Parameters: {
        FunctionName: 'sallyport-steps',
        Payload: { 'id.$': '$.Payload.id', 'taskToken.$': '$$.Task.Token' },
      },
      TimeoutSeconds: 60,
      End: true,
    },
  },
};

describeAdapter('workflow over Step Functions', () => {
  const client = new SFNClient({});
  afterAll(() => client.destroy());
  let machine: string;
  let workflow: Workflow;

  beforeEach(async () => {
    await prepareMoto();
    const { stateMachineArn = '' } = await client.send(
      new CreateStateMachineCommand({
        name: fresh('sallyport'),
        definition: JSON.stringify(WAITS),
        roleArn: 'arn:aws:iam::123456789012:role/sallyport-workflow',
      }),
    );
    machine = stateMachineArn;
    workflow = makeSfnWorkflow(client, machine);
  });

  const executions = async () => {
    const listed = await client.send(new ListExecutionsCommand({ stateMachineArn: machine }));
    return listed.executions ?? [];
  };
  const until = async <T>(read: () => Promise<T | undefined>): Promise<T> => {
    for (let round = 0; round < 100; round += 1) {
      const found = await read();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('It did not come about in 10 s');
  };
  const start = async (id: RequestId) => {
    await workflow.start(id, { Payload: { id } });
    return (await executions())[0]?.executionArn ?? '';
  };
  /** As Step Functions handed it to the step: the history is the one place all endpoints show it. */
  const tokenOf = (executionArn: string) =>
    until(async () => {
      const { events } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
      for (const { taskScheduledEventDetails: task } of events ?? []) {
        const { Payload } = JSON.parse(task?.parameters ?? '{}') as {
          Payload?: { taskToken?: string };
        };
        if (Payload?.taskToken !== undefined) return Payload.taskToken;
      }
      return undefined;
    });
  const ended = (executionArn: string) =>
    until(async () => {
      const told = await client.send(new DescribeExecutionCommand({ executionArn }));
      return told.status === 'RUNNING' ? undefined : told;
    });

  it('is named after its request and woken by its token', async () => {
    const id = nextRequestId();
    const executionArn = await start(id);
    expect(executionArn.endsWith(`:${id}`)).toBe(true);
    await workflow.complete(await tokenOf(executionArn), { id });
    const { status, output = '' } = await ended(executionArn);
    expect([status, JSON.parse(output)]).toEqual(['SUCCEEDED', { id }]);
  });

  it('changes nothing when it is started again', async (context) => {
    if (await isMoto()) context.skip('moto fails on the second start of any machine');
    const id = nextRequestId();
    await start(id);
    await workflow.start(id, { Payload: { id } });
    expect(await executions()).toHaveLength(1);
  });

  it('runs the definition that is deployed, from the notice to the end', async (context) => {
    if (!(await isMoto())) context.skip('only moto answers for functions that do not exist');
    const { stateMachineArn = '' } = await client.send(
      new CreateStateMachineCommand({
        name: fresh('sallyport'),
        definition: JSON.stringify(workflowDefinition({ functionArn: 'sallyport-steps' })),
        roleArn: 'arn:aws:iam::123456789012:role/sallyport-workflow',
      }),
    );
    const id = nextRequestId();
    const open: StepResult = { id, finished: false, face: 'requested.0.-', waitSeconds: 60 };
    const closed: StepResult = { ...open, finished: true };
    // Notify, Wait (whose answer nobody reads), Settle.
    await answerFunctionsWith([open, {}, closed]);
    machine = stateMachineArn;
    workflow = makeSfnWorkflow(client, machine);
    const executionArn = await start(id);
    await workflow.complete(await tokenOf(executionArn), { id });
    expect((await ended(executionArn)).status).toBe('SUCCEEDED');
    const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
    const states = events.flatMap(({ stateEnteredEventDetails: entered }) => entered?.name ?? []);
    expect(states).toEqual(['Notify', 'Finished?', 'Wait', 'Settle', 'Finished?', 'Done']);
  });

  it('takes a spent token and an unknown one for what they are: nothing to wake', async () => {
    const id = nextRequestId();
    const token = await tokenOf(await start(id));
    await workflow.complete(token, { id });
    await workflow.complete(token, { id });
    await workflow.complete('no-such-token', { id });
  });
});
