/**
 * The clock of an approval request, in Amazon States Language, as data. lib/ puts it into the template
 * and local/ runs it, so both are the same.
 *
 *   Notify → Wait → Settle → Finished? → Done
 *              ↘ timeout: Expire ↗   ↘ not yet: Wait
 *
 * It holds no decision and no statement, only ids: the table decides. A wait ends with every visible
 * change, and by itself after a while, so that nothing depends on a message that may be lost; the check
 * in between also finds requesters whose lease lapsed. There are no heartbeats.
 *
 * JSONPath only: two independent engines can run it. The state's data keeps the shape that
 * `lambda:invoke` answers with (`$.Payload`), so that `TimeoutSecondsPath` means the same before and
 * after `Parameters` in every engine.
 */

export interface WorkflowFunctions {
  /** Of the function that functions/approvals/workflow_steps.ts is the handler of. */
  readonly functionArn: string;
}

/** Above the longest life of a request (7 days) and of its outcome: a stuck execution ends. */
const EXECUTION_SECONDS_MAX = 8 * 24 * 3600;
/** Pause before another try where a step failed for good: the table or Slack is down. */
const LATER_SECONDS = 30;

const RETRY = [
  { ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 2, BackoffRate: 2 },
] as const;
/** A step that failed three times is tried again later; the request stays answerable meanwhile. */
const CATCH_LATER = { ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Later' } as const;

export function workflowDefinition({ functionArn }: WorkflowFunctions) {
  const step = (name: string, Next: string) => ({
    Type: 'Task' as const,
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: {
      FunctionName: functionArn,
      Payload: { step: name, 'id.$': '$.Payload.id' },
    },
    ResultSelector: { 'Payload.$': '$.Payload' },
    TimeoutSeconds: 30,
    Retry: [...RETRY],
    Catch: [CATCH_LATER],
    Next,
  });
  return {
    Comment: 'Sallyport: the clock of one approval request',
    StartAt: 'Notify',
    TimeoutSeconds: EXECUTION_SECONDS_MAX,
    States: {
      Notify: step('notify', 'Finished?'),
      Wait: {
        Type: 'Task' as const,
        Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
        Parameters: {
          FunctionName: functionArn,
          Payload: {
            step: 'wait',
            'id.$': '$.Payload.id',
            'face.$': '$.Payload.face',
            'waitSeconds.$': '$.Payload.waitSeconds',
            'taskToken.$': '$$.Task.Token',
          },
        },
        ResultPath: null,
        TimeoutSecondsPath: '$.Payload.waitSeconds',
        Catch: [
          { ErrorEquals: ['States.Timeout'], ResultPath: '$.error', Next: 'Expire' },
          CATCH_LATER,
        ],
        Next: 'Settle',
      },
      Expire: step('expire', 'Settle'),
      Settle: step('settle', 'Finished?'),
      Later: { Type: 'Wait' as const, Seconds: LATER_SECONDS, Next: 'Settle' },
      'Finished?': {
        Type: 'Choice' as const,
        Choices: [{ Variable: '$.Payload.finished', BooleanEquals: true, Next: 'Done' }],
        Default: 'Wait',
      },
      Done: { Type: 'Succeed' as const },
    },
  };
}
